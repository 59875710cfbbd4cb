import { Boxes } from 'lucide-react'
import Link from 'next/link'
import type { Overview } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card, CardHeader } from '../components/card.tsx'
import { EmptyState } from '../components/states.tsx'

/** What an employee’s tool can ask for right now. */
export function ServedModels({ models }: { models: Overview['models'] }) {
  return (
    <Card>
      <CardHeader title="Models served">
        {models.length > 0 && (
          <Button asChild size="sm" variant="quiet">
            <Link href="/playground">Try one</Link>
          </Button>
        )}
      </CardHeader>
      {models.length === 0 ? (
        <EmptyState icon={Boxes} title="No model is served">
          A model appears here as soon as a trusted Mac has loaded it. See which Macs are trusted, and why the others are not.
        </EmptyState>
      ) : (
        <table className="w-full text-left">
          <thead className="text-xs text-ink-3">
            <tr className="border-b border-line">
              <th className="px-4 py-2 font-medium">Model</th>
              <th className="px-4 py-2 text-right font-medium">Macs</th>
              <th className="w-40 px-4 py-2 text-right font-medium">Slots in use</th>
            </tr>
          </thead>
          <tbody className="divide-y divide-line">
            {models.map((model) => (
              <tr key={model.name} className="h-10">
                <td className="px-4 font-mono text-xs">{model.name}</td>
                <td className="px-4 text-right">{model.macs}</td>
                <td className="px-4 text-right">
                  <span className="inline-flex items-center gap-2">
                    <span aria-hidden className="h-1.5 w-16 overflow-hidden rounded-full bg-line">
                      <span
                        className="block h-full bg-accent-fill"
                        style={{ width: `${model.slots === 0 ? 0 : Math.min(100, (model.active / model.slots) * 100)}%` }}
                      />
                    </span>
                    {model.active} of {model.slots}
                  </span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Card>
  )
}
