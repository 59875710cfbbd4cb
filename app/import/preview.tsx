'use client'
import { CircleCheck, OctagonX } from 'lucide-react'
import type { Answers } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card, CardHeader } from '../components/card.tsx'
import { ScrollRegion } from '../components/scroll-region.tsx'
import { StateBadge } from '../components/state-badge.tsx'
import { FailureNote } from '../components/states.tsx'

type Plan = Answers['inventory']['previewList']

type PreviewProps = { preview: Plan; isBusy: boolean; error: unknown; onImport: () => void }

/** What importing would do, before it does. */
export function Preview({ preview, isBusy, error, onImport }: PreviewProps) {
  const { added, faultCount } = preview
  return (
    <Card className="overflow-hidden">
      <CardHeader title="What would happen">
        {faultCount > 0 ? (
          <StateBadge tone="bad" icon={OctagonX} word={faultCount === 1 ? '1 line at fault' : `${faultCount} lines at fault`} />
        ) : (
          <StateBadge tone="good" icon={CircleCheck} word="No faults" />
        )}
      </CardHeader>
      <Counts plan={preview} />
      {faultCount > 0 && <Faults plan={preview} />}
      {preview.revokedSerials.length > 0 && (
        <p className="border-t border-line px-4 py-3 text-ink-2">
          Revoked, and so left out: <span className="font-mono text-xs">{preview.revokedSerials.join(', ')}</span>
        </p>
      )}
      {faultCount === 0 && added > 0 && <Sample plan={preview} />}
      <footer className="flex flex-wrap items-center justify-end gap-3 border-t border-line px-4 py-2.5">
        {error !== null && error !== undefined && <FailureNote error={error} />}
        <span className="text-ink-2">
          {faultCount > 0 ? 'A list is imported whole. Mend these lines first.' : added === 0 ? 'Nothing in this list is new.' : ''}
        </span>
        <Button variant="primary" isBusy={isBusy} disabled={faultCount > 0 || added === 0} onClick={onImport}>
          Import {added === 1 ? '1 Mac' : `${added.toLocaleString()} Macs`}
        </Button>
      </footer>
    </Card>
  )
}

function Counts({ plan }: { plan: Plan }) {
  const counts = [
    ['New', plan.added],
    ['Known already', plan.known],
    ['Revoked', plan.revoked],
    ['Duplicates', plan.duplicates],
    ['At fault', plan.faultCount],
  ] as const
  return (
    <dl className="grid grid-cols-2 gap-4 px-4 py-3 sm:grid-cols-5">
      {counts.map(([term, count]) => (
        <div key={term} className="flex flex-col-reverse">
          <dt className="text-xs text-ink-3">{term}</dt>
          <dd className="text-lg font-semibold tracking-tight tabular-nums">{count.toLocaleString()}</dd>
        </div>
      ))}
    </dl>
  )
}

function Faults({ plan }: { plan: Plan }) {
  return (
    <ScrollRegion label="Lines at fault" className="max-h-80 overflow-y-auto border-t border-line">
      <table className="w-full text-left">
        <thead className="bg-sunken text-xs text-ink-3">
          <tr>
            <th className="w-20 px-4 py-2 font-medium">Line</th>
            <th className="px-4 py-2 font-medium">What is wrong</th>
          </tr>
        </thead>
        <tbody className="divide-y divide-line">
          {plan.faults.map(({ line, sentence }) => (
            <tr key={line}>
              <td className="px-4 py-2 tabular-nums">{line}</td>
              <td className="px-4 py-2">{sentence}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {plan.faultCount > plan.faults.length && (
        <p className="border-t border-line px-4 py-2 text-ink-3">{plan.faultCount - plan.faults.length} more lines are at fault.</p>
      )}
    </ScrollRegion>
  )
}

function Sample({ plan }: { plan: Plan }) {
  return (
    <ScrollRegion label="New Macs" className="max-h-80 overflow-y-auto border-t border-line">
      <table className="w-full text-left">
        <thead className="bg-sunken text-xs text-ink-3">
          <tr>
            <th className="px-4 py-2 font-medium">Serial number</th>
            <th className="px-4 py-2 font-medium">Name</th>
            <th className="px-4 py-2 font-medium">Pool</th>
            <th className="px-4 py-2 font-medium">Ring</th>
          </tr>
        </thead>
        <tbody className="divide-y divide-line">
          {plan.sample.map(({ serial, name, pool, ring }) => (
            <tr key={serial}>
              <td className="px-4 py-2 font-mono text-xs">{serial}</td>
              <td className="px-4 py-2">{name ?? '–'}</td>
              <td className="px-4 py-2">{pool ?? '–'}</td>
              <td className="px-4 py-2">{ring ?? 'all'}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {plan.added > plan.sample.length && (
        <p className="border-t border-line px-4 py-2 text-ink-3">{(plan.added - plan.sample.length).toLocaleString()} more.</p>
      )}
    </ScrollRegion>
  )
}
