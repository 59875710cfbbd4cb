import type { Metadata } from 'next'
import { consoleContext } from '../console-context.ts'
import { EvaluationBanner } from '../shell/evaluation-banner.tsx'
import { Mark } from '../shell/mark.tsx'
import { AcceptInvitation } from './accept-invitation.tsx'

export const metadata: Metadata = { title: 'Your invitation', referrer: 'no-referrer' }

export default async function AcceptInvitationPage() {
  const { mode, user } = await consoleContext()
  return (
    <div className="flex min-h-dvh flex-col">
      {mode === 'evaluation' && <EvaluationBanner />}
      <main className="flex flex-1 items-center justify-center p-4">
        <div className="w-full max-w-sm">
          <div className="mb-6 flex flex-col items-center text-center">
            <Mark className="mb-4 size-10" />
            <h1 className="text-xl font-semibold tracking-tight">Your account on Espalier</h1>
            <p className="mt-1 text-ink-2">Choose the password that only you know.</p>
          </div>
          <AcceptInvitation signedInAs={user?.email ?? null} />
        </div>
      </main>
    </div>
  )
}
