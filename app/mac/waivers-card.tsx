import { Clock } from 'lucide-react'
import Link from 'next/link'
import type { Mac } from '../api.ts'
import { Card, CardHeader } from '../components/card.tsx'
import { StateBadge } from '../components/state-badge.tsx'
import { Ago } from '../components/time.tsx'
import { useMay } from '../use-session.ts'

/** Under whose rules this Mac is judged, and what of them is excused. */
export function WaiversCard({ mac }: { mac: Mac }) {
  const mayPropose = useMay('propose a policy')
  return (
    <Card>
      <CardHeader title="Policy" note={mac.pool === null ? 'everyone’s rules' : `pool “${mac.pool}”`}>
        {mayPropose && (
          <Link
            href={`/policy/edit?mac=${mac.id}#waivers`}
            className="inline-flex min-h-6 items-center text-xs text-ink-2 underline hover:text-ink"
          >
            Ask for a waiver
          </Link>
        )}
      </CardHeader>
      {mac.waivers.length === 0 ? (
        <p className="px-4 py-3 text-ink-2">Nothing is waived for this Mac.</p>
      ) : (
        <ul className="divide-y divide-line">
          {mac.waivers.map((waiver) => (
            <li key={waiver.id} className="px-4 py-2.5">
              <span className="flex flex-wrap items-center gap-2">
                <StateBadge tone={waiver.isInUse ? 'warn' : 'idle'} icon={Clock} word={waiver.isInUse ? 'Needed' : 'Not needed now'} />
                <span className="text-xs text-ink-3">
                  ends <Ago at={waiver.until} />
                </span>
              </span>
              <span className="mt-1 block">{waiver.sentence}</span>
              <span className="block text-ink-2">{waiver.why}</span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  )
}
