import { ATTESTATION_STEPS } from './plan/attestation.ts'
import { CHANNEL_STEPS } from './plan/channel.ts'
import { ENGINE_STEPS } from './plan/engine.ts'
import { IDENTITY_STEPS } from './plan/identity.ts'
import { KEY_STEPS } from './plan/keys.ts'
import { MANAGEMENT_STEPS } from './plan/management.ts'
import { PLATFORM_STEPS } from './plan/platform.ts'
import { PUSH_STEPS } from './plan/push.ts'
import type { TrialStep } from './step.ts'

/** Everything that a Mac has yet to confirm. test/hardware/PLAN.md is this list for people to read. */
export const TRIAL_STEPS: readonly TrialStep[] = [
  ...CHANNEL_STEPS,
  ...PUSH_STEPS,
  ...ATTESTATION_STEPS,
  ...IDENTITY_STEPS,
  ...KEY_STEPS,
  ...MANAGEMENT_STEPS,
  ...PLATFORM_STEPS,
  ...ENGINE_STEPS,
]

/** The table's rows, one a step. */
export const planRows = (steps: readonly TrialStep[]): string[] =>
  steps.map(
    (step) => `| ${step.id}${step.isBlocking ? ' *blocking*' : ''} | ${step.fact} | ${step.run} | ${step.expect} | ${step.otherwise} |`,
  )
