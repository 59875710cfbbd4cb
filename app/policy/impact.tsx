import Link from 'next/link'
import type { PolicyImpact, PolicyPreview } from '../api.ts'
import { Card, CardHeader } from '../components/card.tsx'
import { FailureNote } from '../components/states.tsx'

type ImpactProps = { preview: PolicyPreview | undefined; isRunning: boolean; error: unknown }

/** A preview while it runs, when it has failed, and when it is there. */
export function PreviewCard({ preview, isRunning, error }: ImpactProps) {
  if (preview === undefined && !isRunning && error === null) return null
  return (
    <Card aria-label="Impact">
      <CardHeader title="Impact on the fleet of this moment" />
      <div className="px-4 py-3">
        {error !== null ? (
          <FailureNote error={error} />
        ) : isRunning ? (
          <Progress preview={preview} />
        ) : preview?.state === 'failed' || preview?.impact === null || preview?.impact === undefined ? (
          <p role="alert" className="text-bad">
            The impact could not be measured. Look at it again; nothing has changed.
          </p>
        ) : (
          <ImpactView impact={preview.impact} />
        )}
      </div>
    </Card>
  )
}

function Progress({ preview }: { preview: PolicyPreview | undefined }) {
  return (
    <>
      <p role="status" className="mb-2">
        Every Mac’s evidence is judged by this policy{preview === undefined ? '.' : `: ${preview.done} of ${preview.total}.`}
      </p>
      <progress aria-label="Macs judged" className="h-1.5 w-full" max={Math.max(1, preview?.total ?? 1)} value={preview?.done ?? 0} />
    </>
  )
}

export function ImpactView({ impact }: { impact: PolicyImpact }) {
  return (
    <div className="space-y-3">
      <p className="text-base font-semibold">{impact.sentence}</p>
      {impact.because.length > 0 && (
        <table className="w-full max-w-2xl text-left">
          <thead className="text-xs text-ink-3">
            <tr>
              <th className="py-1 font-medium">Because</th>
              <th className="py-1 text-right font-medium">Macs</th>
            </tr>
          </thead>
          <tbody className="divide-y divide-line">
            {impact.because.map(({ code, sentence, macs }) => (
              <tr key={code}>
                <td className="py-1.5">{sentence}</td>
                <td className="py-1.5 text-right">{macs}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <Named title="Would lose trust" macs={impact.losing} count={impact.loses} />
      <Named title="Would gain trust" macs={impact.gaining} count={impact.gains} />
    </div>
  )
}

function Named({ title, macs, count }: { title: string; macs: PolicyImpact['losing']; count: number }) {
  if (count === 0) return null
  return (
    <details>
      <summary className="font-medium">
        {title}: {count}
      </summary>
      <ul className="mt-1 columns-2 gap-6 md:columns-3">
        {macs.map(({ mac, name }) => (
          <li key={mac}>
            <Link href={`/macs/${mac}`} className="hover:underline">
              {name ?? mac}
            </Link>
          </li>
        ))}
      </ul>
      {count > macs.length && <p className="mt-1 text-ink-3">And {count - macs.length} more.</p>}
    </details>
  )
}
