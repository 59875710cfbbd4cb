import type { Metadata } from 'next'
import { consoleContext } from '../console-context.ts'
import { EvaluationBanner } from '../shell/evaluation-banner.tsx'
import { Mark } from '../shell/mark.tsx'
import { safeNext } from './safe-next.ts'
import { SignInForm } from './sign-in-form.tsx'

export const metadata: Metadata = { title: 'Sign in' }

type Props = { searchParams: Promise<Record<string, string | string[] | undefined>> }

export default async function SignInPage({ searchParams }: Props) {
  const { mode } = await consoleContext()
  const { next } = await searchParams
  return (
    <div className="flex min-h-dvh flex-col">
      {mode === 'evaluation' && <EvaluationBanner />}
      <main className="flex flex-1 items-center justify-center p-4">
        <div className="w-full max-w-sm">
          <div className="mb-6 flex flex-col items-center text-center">
            <Mark className="mb-4 size-10" />
            <h1 className="text-xl font-semibold tracking-tight">Sign in to Espalier</h1>
            <p className="mt-1 text-ink-2">Your company’s own Macs, attested and private.</p>
          </div>
          <SignInForm next={safeNext(typeof next === 'string' ? next : undefined)} hint={mode === 'evaluation'} />
        </div>
      </main>
    </div>
  )
}
