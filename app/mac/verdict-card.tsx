import { Wrench } from 'lucide-react'
import Link from 'next/link'
import type { ReactNode } from 'react'
import type { Mac } from '../api.ts'
import { Card } from '../components/card.tsx'
import { cn } from '../components/cn.ts'
import { Id } from '../components/copyable.tsx'
import { TRUST } from '../components/state-badge.tsx'
import { Ago } from '../components/time.tsx'

const ICON = {
  good: 'bg-good-soft text-good',
  bad: 'bg-bad-soft text-bad',
  warn: 'bg-warn-soft text-warn',
  idle: 'bg-sunken text-ink-3',
} as const

/** The verdict in one sentence, what to do about it, and what it rests on. */
export function VerdictCard({ mac }: { mac: Mac }) {
  const { icon: Icon, tone } = TRUST[mac.trust]
  const { sentence, remedy, others } = mac.explanation
  return (
    <Card aria-label="Verdict">
      <div className="flex gap-4 px-5 py-4">
        <span className={cn('flex size-10 shrink-0 items-center justify-center rounded-lg', ICON[tone])}>
          <Icon aria-hidden className="size-5.5" />
        </span>
        <div className="min-w-0 flex-1">
          <p className="text-lg leading-6 font-semibold text-balance">{sentence}</p>
          {remedy !== null && (
            <p className="mt-1 flex items-start gap-1.5 text-base text-ink-2">
              <Wrench aria-hidden className="mt-1 size-3.5 shrink-0 text-ink-3" />
              {remedy}
            </p>
          )}
          {others.length > 0 && (
            <div className="mt-3">
              <p className="text-xs font-medium text-ink-3">{others.length === 1 ? 'One more reason' : `${others.length} more reasons`}</p>
              <ul className="mt-1 space-y-1">
                {others.map((reason) => (
                  <li key={reason.code}>
                    {reason.sentence} <span className="text-ink-2">{reason.remedy}</span>
                  </li>
                ))}
              </ul>
            </div>
          )}
        </div>
      </div>
      {mac.verdict !== null && <Ground verdict={mac.verdict} />}
    </Card>
  )
}

function Ground({ verdict }: { verdict: NonNullable<Mac['verdict']> }) {
  return (
    <dl className="flex flex-wrap gap-x-8 gap-y-2 border-t border-line px-5 py-3">
      <Item term="Decided">
        <Ago at={verdict.decidedAt} />
      </Item>
      {verdict.until !== null && (
        <Item term="Holds until">
          <Ago at={verdict.until} />
        </Item>
      )}
      <Item term="Key bound by">{verdict.keyBinding ?? 'nothing yet'}</Item>
      <Item term="Policy">
        {verdict.policyDigest === null ? (
          `version ${verdict.policyVersion}`
        ) : (
          <Link href={`/policy/versions/${verdict.policyVersion}`} className="inline-flex min-h-6 items-center underline">
            version {verdict.policyVersion}
          </Link>
        )}
      </Item>
      <Item term="Evidence digest">
        {verdict.evidenceDigest === null ? 'none' : <Id value={verdict.evidenceDigest} what="evidence digest" />}
      </Item>
    </dl>
  )
}

function Item({ term, children }: { term: string; children: ReactNode }) {
  return (
    <div>
      <dt className="text-xs text-ink-3">{term}</dt>
      <dd>{children}</dd>
    </div>
  )
}
