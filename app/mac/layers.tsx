import type { Check, Mac } from '../api.ts'
import { Card, CardHeader } from '../components/card.tsx'
import { OutcomeIcon } from './outcome-icon.tsx'
import { worstOf } from './outcomes.ts'

/** The layers of defence at a glance; each is one or more of the checks below. */
export function Layers({ verdict }: { verdict: Mac['verdict'] }) {
  const layers = Map.groupBy(verdict?.checks.filter((check) => check.layer !== null) ?? [], (check) => check.layer as string)
  if (layers.size === 0) return null
  return (
    <Card>
      <CardHeader title="Layers of defence" note={String(layers.size)} />
      <ul className="grid grid-cols-2 gap-px overflow-hidden rounded-b-lg bg-line md:grid-cols-4">
        {[...layers].map(([layer, checks]) => (
          <Layer key={layer} layer={layer} checks={checks} />
        ))}
      </ul>
    </Card>
  )
}

function Layer({ layer, checks }: { layer: string; checks: Check[] }) {
  const worst = worstOf(checks)
  return (
    <li className="flex flex-col gap-0.5 bg-surface px-4 py-3" title={checks.map((check) => check.sentence).join(' ')}>
      <span className="flex items-center gap-1.5 text-xs text-ink-2">
        <OutcomeIcon outcome={worst} showsWord />
      </span>
      <span className="leading-5 font-medium">{layer.charAt(0).toUpperCase() + layer.slice(1)}</span>
    </li>
  )
}
