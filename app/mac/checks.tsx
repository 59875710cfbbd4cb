'use client'
import { ChevronRight, ClipboardList } from 'lucide-react'
import { useState } from 'react'
import type { Check, Mac } from '../api.ts'
import { Card, CardHeader } from '../components/card.tsx'
import { cn } from '../components/cn.ts'
import { OutcomeBadge } from '../components/state-badge.tsx'
import { EmptyState } from '../components/states.tsx'
import { Age } from '../components/time.tsx'
import { EvidenceView } from './evidence-view.tsx'

/** Every check of the verdict, each with where its evidence comes from and how old it is. */
export function Checks({ verdict }: { verdict: Mac['verdict'] }) {
  if (verdict === null)
    return (
      <Card>
        <CardHeader title="Checks" />
        <EmptyState icon={ClipboardList} title="Nothing to check yet">
          The checks appear once the Mac has enrolled and sent its first evidence.
        </EmptyState>
      </Card>
    )
  const failed = verdict.checks.filter((check) => check.outcome === 'failed').length
  return (
    <Card>
      <CardHeader
        title="Checks"
        note={failed === 0 ? `${verdict.checks.length}, none failed` : `${failed} of ${verdict.checks.length} failed`}
      />
      <ul className="divide-y divide-line">
        {verdict.checks.map((check) => (
          <CheckRow key={check.id} check={check} />
        ))}
      </ul>
    </Card>
  )
}

function CheckRow({ check }: { check: Check }) {
  const [isOpen, setIsOpen] = useState(false)
  const panel = `check-${check.id}`
  return (
    <li>
      <button
        type="button"
        aria-expanded={isOpen}
        aria-controls={panel}
        onClick={() => setIsOpen(!isOpen)}
        className="grid w-full grid-cols-[1rem_7rem_1fr_auto] items-center gap-3 px-4 py-2.5 text-left hover:bg-hover focus-visible:-outline-offset-2"
      >
        <ChevronRight aria-hidden className={cn('size-4 text-ink-3 transition-transform', isOpen && 'rotate-90')} />
        <span>
          <OutcomeBadge outcome={check.outcome} />
        </span>
        <span className="min-w-0">
          <span className="font-medium">{check.title}</span>
          <span className="block text-ink-2">{check.sentence}</span>
        </span>
        <span className="hidden text-right text-xs text-ink-3 sm:block">
          {check.source}
          {check.observedAt !== null && (
            <span className="block">
              <Age at={check.observedAt} /> old
            </span>
          )}
        </span>
      </button>
      {isOpen && (
        <div id={panel} className="border-t border-line bg-sunken px-4 py-4 sm:pl-11">
          {check.evidenceDigest === null ? (
            <p className="text-ink-2">
              Source: {check.source}. This check keeps no evidence of its own; what it rests on was signed in the Mac’s live session.
            </p>
          ) : (
            <EvidenceView digest={check.evidenceDigest} />
          )}
        </div>
      )}
    </li>
  )
}
