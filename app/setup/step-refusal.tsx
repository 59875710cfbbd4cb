import { CircleAlert } from 'lucide-react'
import { FailureNote } from '../components/states.tsx'
import type { PushStep } from './use-push-step.ts'

/** Why a step was not taken, beside where it was tried. */
export function StepRefusal({ step }: { step: PushStep }) {
  if (step.error !== null) return <FailureNote error={step.error} />
  const sentence = step.refused?.sentence ?? step.local
  if (sentence === undefined) return null
  return (
    <div role="alert" className="flex items-start gap-2 rounded-md bg-bad-soft px-3 py-2 text-bad">
      <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0" />
      <p>
        {sentence}
        {step.refused !== undefined && <span className="block font-mono text-xs">{step.refused.code}</span>}
      </p>
    </div>
  )
}
