import Link from 'next/link'
import { redirect } from 'next/navigation'
import type { ReactNode } from 'react'
import { AlertBanner } from '../alerts/alert-banner.tsx'
import { AlertBell } from '../alerts/alert-bell.tsx'
import { consoleContext } from '../console-context.ts'
import { EvaluationBanner } from '../shell/evaluation-banner.tsx'
import { FindMac } from '../shell/find-mac.tsx'
import { Mark } from '../shell/mark.tsx'
import { NavLinks } from '../shell/nav-links.tsx'
import { ThemeToggle } from '../shell/theme-toggle.tsx'
import { UserMenu } from '../shell/user-menu.tsx'
import { StepUpDialog } from '../step-up/step-up-dialog.tsx'

export default async function ConsoleLayout({ children }: { children: ReactNode }) {
  const { mode, user, may = [] } = await consoleContext()
  if (user === null) redirect('/signin')
  return (
    <div className="flex min-h-dvh">
      <a href="#content" className="sr-only z-50 rounded-md bg-raised px-3 py-2 focus:not-sr-only focus:fixed focus:top-2 focus:left-2">
        Skip to the page
      </a>
      <nav aria-label="Console" className="sticky top-0 flex h-dvh w-14 shrink-0 flex-col border-r border-line bg-surface lg:w-56">
        <Link href="/" className="flex h-13 items-center justify-center gap-2.5 border-b border-line px-4 lg:justify-start">
          <Mark className="size-6" />
          <span className="sr-only text-base font-semibold tracking-tight lg:not-sr-only">Espalier</span>
        </Link>
        <NavLinks may={may} />
        <div className="mt-auto border-t border-line p-2">
          <UserMenu user={user} />
        </div>
      </nav>
      <div className="flex min-w-0 flex-1 flex-col">
        <div className="sticky top-0 z-30">
          {mode === 'evaluation' && <EvaluationBanner />}
          <AlertBanner />
          <header className="flex h-13 items-center justify-between gap-4 border-b border-line bg-canvas px-4 md:px-8">
            <FindMac />
            <div className="flex items-center gap-1">
              <AlertBell />
              <ThemeToggle />
            </div>
          </header>
        </div>
        <main id="content" className="mx-auto w-full max-w-[80rem] flex-1 px-4 py-6 md:px-8">
          {children}
        </main>
      </div>
      <StepUpDialog />
    </div>
  )
}
