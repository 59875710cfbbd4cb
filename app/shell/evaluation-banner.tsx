import { FlaskConical } from 'lucide-react'

/** Never dismissed: what is seen in evaluation mode proves nothing about real hardware. */
export function EvaluationBanner() {
  return (
    <aside
      aria-label="Mode of this appliance"
      className="flex items-center justify-center gap-2 bg-warn-soft px-4 py-1.5 text-xs text-warn"
    >
      <FlaskConical aria-hidden className="size-3.5 shrink-0" />
      <span>
        <strong className="font-semibold">Evaluation mode:</strong> software Macs, evaluation attestation root. Nothing shown here is proof
        about real hardware.
      </span>
    </aside>
  )
}
