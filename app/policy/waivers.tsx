import { CircleCheck, Clock, ShieldOff } from 'lucide-react'
import Link from 'next/link'
import type { WaiverView } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card } from '../components/card.tsx'
import { StateBadge } from '../components/state-badge.tsx'
import { EmptyState } from '../components/states.tsx'
import { Ago, LocalTime } from '../components/time.tsx'

const IN_FORCE = { tone: 'warn', icon: Clock, word: 'In force' } as const
const ENDED = { tone: 'idle', icon: CircleCheck, word: 'Ended' } as const

/** What is excused, for whom, why, by whom, and until when. */
export function Waivers({ waivers, mayPropose }: { waivers: readonly WaiverView[]; mayPropose: boolean }) {
  if (waivers.length === 0) {
    const action = mayPropose ? (
      <Button asChild>
        <Link href="/policy/edit#waivers">Ask for a waiver</Link>
      </Button>
    ) : undefined
    return (
      <Card>
        <EmptyState icon={ShieldOff} title="Nothing is waived" action={action}>
          A waiver excuses one demand of the policy for one Mac, a pool or every Mac, for 90 days at most. Two people grant it.
        </EmptyState>
      </Card>
    )
  }
  return (
    <Card>
      <ul className="divide-y divide-line">
        {waivers.map((waiver) => (
          <li key={waiver.id} className="px-4 py-3">
            <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
              <StateBadge {...(waiver.state === 'in force' ? IN_FORCE : ENDED)} />
              <span className="font-medium">{waiver.sentence}</span>
              <span className="ml-auto text-ink-2">
                {waiver.state === 'in force' ? 'Ends ' : 'Ended '}
                <Ago at={waiver.until} /> (<LocalTime at={waiver.until} />)
              </span>
            </div>
            <p className="mt-1">{waiver.why}</p>
            <p className="mt-0.5 text-ink-2">
              {waiver.version !== null && (
                <>
                  Proposed by {waiver.proposedBy?.name}, approved by {waiver.approvedBy?.name} in{' '}
                  <Link href={`/policy/versions/${waiver.version}`} className="underline">
                    version {waiver.version}
                  </Link>
                  .
                </>
              )}
            </p>
            <Macs waiver={waiver} />
          </li>
        ))}
      </ul>
    </Card>
  )
}

function Macs({ waiver }: { waiver: WaiverView }) {
  if (waiver.macCount === 0) return <p className="mt-0.5 text-ink-2">No Mac needs it now.</p>
  return (
    <p className="mt-0.5 text-ink-2">
      {waiver.macCount === 1 ? '1 Mac needs it now: ' : `${waiver.macCount} Macs need it now: `}
      {waiver.macs.map((mac, index) => (
        <span key={mac.id}>
          {index > 0 && ', '}
          <Link href={`/macs/${mac.id}`} className="underline">
            {mac.name ?? mac.id}
          </Link>
        </span>
      ))}
      {waiver.macCount > waiver.macs.length && ` and ${waiver.macCount - waiver.macs.length} more`}.
    </p>
  )
}
