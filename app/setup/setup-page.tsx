'use client'
import { useQuery } from '@tanstack/react-query'
import { ChevronRight } from 'lucide-react'
import Link from 'next/link'
import { type Answers, api } from '../api.ts'
import { Card, CardHeader } from '../components/card.tsx'
import { SetupFrame, useMayReadSetup } from './setup-frame.tsx'
import { type SetupStep, StepState } from './step-state.tsx'

type Setup = Answers['setup']['getSetup']

const REFRESH_MS = 20_000

/** The way into production, step by step; each is judged by the server and not by whoever says that it is done. */
export function SetupPage() {
  const setup = useQuery({
    queryKey: ['setup'],
    queryFn: () => api.setup.getSetup.query(),
    refetchInterval: REFRESH_MS,
    enabled: useMayReadSetup(),
  })
  return (
    <SetupFrame title="Set-up" note={headline(setup.data)} what="The set-up" query={setup} isRoot>
      {({ steps }) => (
        <div className="space-y-4">
          <Steps title="Needed" steps={steps.filter(({ isOptional }) => !isOptional)} />
          <Steps title="Worth having" steps={steps.filter(({ isOptional }) => isOptional)} />
        </div>
      )}
    </SetupFrame>
  )
}

function headline(setup: Setup | undefined): string {
  if (setup === undefined) return 'What has to stand before Macs enroll.'
  if (setup.mode === 'evaluation') return 'Evaluation needs nothing of this. Each step says what production asks for.'
  if (setup.left === 0) return 'Everything that production needs is in place.'
  return `${setup.left === 1 ? '1 step is' : `${setup.left} steps are`} left before everything is in place.`
}

function Steps({ title, steps }: { title: string; steps: readonly SetupStep[] }) {
  const done = steps.filter(({ state }) => state === 'done').length
  const counted = steps.filter(({ state }) => state !== 'not-needed').length
  return (
    <Card className="overflow-hidden">
      <CardHeader title={title} note={counted === 0 ? undefined : `${done} of ${counted} done`} />
      <ol className="divide-y divide-line">
        {steps.map((step) => (
          <li key={step.id}>
            {step.href === null ? (
              <div className="flex items-start gap-4 px-4 py-3">
                <Step step={step} />
                <span className="size-4 shrink-0" />
              </div>
            ) : (
              <Link href={step.href} className="flex items-start gap-4 px-4 py-3 hover:bg-hover">
                <Step step={step} />
                <ChevronRight aria-hidden className="mt-0.5 size-4 shrink-0 text-ink-3" />
              </Link>
            )}
          </li>
        ))}
      </ol>
    </Card>
  )
}

function Step({ step }: { step: SetupStep }) {
  return (
    <>
      <span className="w-24 shrink-0">
        <StepState step={step} />
      </span>
      <span className="min-w-0 flex-1">
        <span className="block font-medium">{step.title}</span>
        <span className="block text-ink-2">{step.sentence}</span>
        {step.remedy !== null && <span className="block text-ink-2">{step.remedy}</span>}
      </span>
    </>
  )
}
