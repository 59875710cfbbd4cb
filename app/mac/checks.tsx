'use client'
import { ChevronRight, ClipboardList } from 'lucide-react'
import { useState } from 'react'
import type { Check, Mac } from '../api.ts'
import { Card, CardHeader } from '../components/card.tsx'
import { cn } from '../components/cn.ts'
import { EmptyState } from '../components/states.tsx'
import { Age } from '../components/time.tsx'
import { CheckRow } from './check-row.tsx'
import { OutcomeIcon } from './outcome-icon.tsx'
import { isTrouble, worstOf } from './outcomes.ts'

/** The items of the trust rules, each with the question that it answers. */
const ITEMS: Record<number, { title: string; question: string }> = {
  1: { title: 'Device', question: 'Is it the Mac that it says it is, started securely?' },
  2: { title: 'Channel', question: 'Is the MDM channel that very Mac’s own?' },
  3: { title: 'Key', question: 'Does the agent’s key live on that Mac?' },
  4: { title: 'Code', question: 'Is it software that the policy allows? Policy, not proof.' },
  5: { title: 'Liveness', question: 'Does it answer now?' },
  6: { title: 'Boot', question: 'Is it still the same start of the system?' },
  7: { title: 'Cross-check', question: 'Does the Mac’s own report agree with Apple’s?' },
}

/** Every check of the verdict by item; an item opens by itself when something in it needs attention. */
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
  const { checks } = verdict
  const items = Object.keys(ITEMS).map(Number)
  return (
    <Card>
      <CardHeader title="Checks" note={summaryOf(checks)} />
      <div className="divide-y divide-line">
        {items.map((item) => {
          const own = checks.filter((check) => check.item === item)
          return own.length > 0 && <Item key={item} item={item} checks={own} />
        })}
      </div>
    </Card>
  )
}

function summaryOf(checks: readonly Check[]): string {
  const failed = checks.filter((check) => check.outcome === 'fail').length
  const unknown = checks.filter((check) => check.outcome === 'unknown').length
  const parts = [failed > 0 && `${failed} ${failed === 1 ? 'fails' : 'fail'}`, unknown > 0 && `${unknown} cannot be judged`]
  return parts.filter(Boolean).join(', ') || `all ${checks.length} in order`
}

function Item({ item, checks }: { item: number; checks: Check[] }) {
  const [isOpen, setIsOpen] = useState(checks.some((check) => isTrouble(check.outcome)))
  const panel = `checks-of-item-${item}`
  const worst = worstOf(checks)
  const good = checks.filter((check) => !isTrouble(check.outcome)).length
  return (
    <section>
      <h3>
        <button
          type="button"
          aria-expanded={isOpen}
          aria-controls={panel}
          onClick={() => setIsOpen(!isOpen)}
          className="flex w-full items-center gap-3 px-4 py-2.5 text-left hover:bg-hover focus-visible:-outline-offset-2"
        >
          <ChevronRight aria-hidden className={cn('size-4 shrink-0 text-ink-3 transition-transform', isOpen && 'rotate-90')} />
          <OutcomeIcon outcome={worst} />
          <span className="w-24 shrink-0 font-semibold">{ITEMS[item]?.title}</span>
          <span className="hidden min-w-0 flex-1 truncate text-ink-2 md:block">{ITEMS[item]?.question}</span>
          <span className="ml-auto shrink-0 text-xs text-ink-3">
            {good} of {checks.length} in order
            <Oldest checks={checks} />
          </span>
        </button>
      </h3>
      {isOpen && (
        <ul id={panel} className="divide-y divide-line border-t border-line">
          {checks.map((check) => (
            <CheckRow key={check.id} check={check} />
          ))}
        </ul>
      )}
    </section>
  )
}

function Oldest({ checks }: { checks: Check[] }) {
  const oldest = checks
    .flatMap((check) => (check.observedAt === null ? [] : [check.observedAt]))
    .sort()
    .at(0)
  if (oldest === undefined) return null
  return (
    <span className="hidden sm:inline">
      , oldest <Age at={oldest} />
    </span>
  )
}
