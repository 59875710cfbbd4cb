import { Clock } from 'lucide-react'
import Link from 'next/link'
import type { MacRow, Overview } from '../api.ts'
import { Card, CardHeader } from '../components/card.tsx'
import { cn } from '../components/cn.ts'
import { TRUST } from '../components/state-badge.tsx'
import { Ago } from '../components/time.tsx'

const SOLID: Record<MacRow['trust'], string> = {
  trusted: 'bg-good-solid',
  refused: 'bg-bad-solid',
  pending: 'bg-warn-solid',
  revoked: 'bg-idle-solid',
}
const STATES = Object.keys(SOLID) as MacRow['trust'][]
const TEXT = { good: 'text-good', bad: 'text-bad', warn: 'text-warn', idle: 'text-ink-3' } as const

/** How many Macs are in which state, and how much of the fleet is free. */
export function FleetHealth({ overview, total }: { overview: Overview; total: number }) {
  return (
    <Card className="flex flex-col">
      <CardHeader title="Fleet" note={`${total} ${total === 1 ? 'Mac' : 'Macs'}`} />
      <div className="flex flex-1 flex-col px-4 pt-4 pb-2">
        <div aria-hidden className="flex h-2 gap-0.5 overflow-hidden rounded-full">
          {STATES.map((state) => {
            const count = overview.macs[state] ?? 0
            return count > 0 && <span key={state} className={SOLID[state]} style={{ flexGrow: count }} />
          })}
        </div>
        <ul className="mt-3 divide-y divide-line">
          {STATES.map((state) => {
            const { icon: Icon, word, tone } = TRUST[state]
            return (
              <li key={state}>
                <Link href={`/macs?trust=${state}`} className="-mx-2 flex h-9 items-center gap-2 rounded-md px-2 hover:bg-hover">
                  <Icon aria-hidden className={cn('size-4', TEXT[tone])} />
                  {word}
                  <span className="ml-auto font-medium">{overview.macs[state] ?? 0}</span>
                </Link>
              </li>
            )
          })}
        </ul>
        {overview.waivers.inForce > 0 && <StandingWaivers waivers={overview.waivers} />}
        <dl className="mt-auto grid grid-cols-3 border-t border-line pt-3 pb-1">
          <Figure term="Connected" value={String(overview.connected)} />
          <Figure term="Routable" value={String(overview.routable)} />
          <Figure term="Slots in use" value={`${overview.active} of ${overview.slots}`} />
        </dl>
      </div>
    </Card>
  )
}

function StandingWaivers({ waivers: { inForce, macs, nextEnd } }: { waivers: Overview['waivers'] }) {
  return (
    <p className="my-3 flex items-start gap-2 rounded-md bg-warn-soft px-3 py-2 text-warn">
      <Clock aria-hidden className="mt-0.5 size-4 shrink-0" />
      <span>
        <Link href="/policy?tab=waivers" className="underline">
          {inForce === 1 ? '1 waiver is in force' : `${inForce} waivers are in force`}
        </Link>
        , and {macs === 1 ? '1 Mac needs one' : `${macs} Macs need one`}.
        {nextEnd !== null && (
          <>
            {' '}
            The next ends <Ago at={nextEnd} />.
          </>
        )}
      </span>
    </p>
  )
}

function Figure({ term, value }: { term: string; value: string }) {
  return (
    <div className="flex flex-col-reverse">
      <dt className="text-xs text-ink-3">{term}</dt>
      <dd className="text-lg font-semibold tracking-tight">{value}</dd>
    </div>
  )
}
