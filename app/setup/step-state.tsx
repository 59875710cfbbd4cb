import { CircleCheck, CircleDashed, CircleSlash2, OctagonX } from 'lucide-react'
import type { Answers } from '../api.ts'
import { StateBadge } from '../components/state-badge.tsx'

export type SetupStep = Answers['setup']['getSetup']['steps'][number]

const STATES = {
  done: { tone: 'good', icon: CircleCheck, word: 'Done' },
  todo: { tone: 'warn', icon: CircleDashed, word: 'To do' },
  wrong: { tone: 'bad', icon: OctagonX, word: 'Wrong' },
  'not-needed': { tone: 'idle', icon: CircleSlash2, word: 'Not needed' },
} as const

/** How the server judges a step. What may be left undone is called optional, not a fault. */
export function StepState({ step }: { step: SetupStep }) {
  if (step.state === 'todo' && step.isOptional) return <StateBadge tone="idle" icon={CircleDashed} word="Optional" />
  return <StateBadge {...STATES[step.state]} />
}

/** A step's state in words, at the head of the page where it is worked on. */
export function StepSentence({ step }: { step: SetupStep }) {
  return (
    <div className="flex items-start gap-3 px-4 py-3">
      <StepState step={step} />
      <p className="min-w-0">
        {step.sentence} {step.remedy !== null && <span className="text-ink-2">{step.remedy}</span>}
      </p>
    </div>
  )
}
