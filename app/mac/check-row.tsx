'use client'
import { ChevronRight, Wrench } from 'lucide-react'
import { useState } from 'react'
import type { Check } from '../api.ts'
import { cn } from '../components/cn.ts'
import { OutcomeBadge } from '../components/state-badge.tsx'
import { Age } from '../components/time.tsx'
import { EvidenceView } from './evidence-view.tsx'

/** One check: its outcome, what was found, where that comes from and how old it is; behind it the evidence itself. */
export function CheckRow({ check }: { check: Check }) {
  const [isOpen, setIsOpen] = useState(false)
  const panel = `check-${check.id}`
  return (
    <li>
      <button
        type="button"
        aria-expanded={isOpen}
        aria-controls={panel}
        onClick={() => setIsOpen(!isOpen)}
        className="grid w-full grid-cols-[1rem_5.5rem_1fr_auto] items-center gap-3 py-2 pr-4 pl-6 text-left hover:bg-hover focus-visible:-outline-offset-2"
      >
        <ChevronRight aria-hidden className={cn('size-3.5 text-ink-3 transition-transform', isOpen && 'rotate-90')} />
        <span>
          <OutcomeBadge outcome={check.outcome} />
        </span>
        <span className="min-w-0">
          <span className="font-medium">{check.title}</span>
          <span className="block text-ink-2">{check.sentence}</span>
        </span>
        <span className="hidden max-w-56 text-right text-xs text-ink-3 sm:block">
          {check.source}
          {check.observedAt !== null && (
            <span className="block">
              <Age at={check.observedAt} /> old
            </span>
          )}
        </span>
      </button>
      {isOpen && (
        <div id={panel} className="space-y-4 border-t border-line bg-sunken px-4 py-4 sm:pl-12">
          {check.remedy !== null && (
            <p className="flex items-start gap-1.5">
              <Wrench aria-hidden className="mt-0.5 size-3.5 shrink-0 text-ink-3" />
              {check.remedy}
            </p>
          )}
          {check.evidenceDigest === null ? (
            <p className="text-ink-2">No document is kept for this check. Its source is {check.source}.</p>
          ) : (
            <EvidenceView digest={check.evidenceDigest} />
          )}
        </div>
      )}
    </li>
  )
}
