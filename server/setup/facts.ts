import type { AppleBusinessLinkView } from '../apple-business/views.ts'
import type { PushSetup } from '../push/push-desk.ts'
import type { InventoryCounts, MovingMac } from '../store/inventory.ts'
import type { EgressResult, OutsideHost } from './egress.ts'
import type { AddressFacts } from './public-address.ts'

/** The company's own certificate for profiles, as it stands. */
export type SignerState = {
  subject: string
  issuer: string
  notAfter: Date
  installedAt: Date
  isExpired: boolean
  /** Who sees profiles as verified that it signs. */
  verifiedBy: 'everybody' | 'company' | 'nobody'
}

/** Everything that a judgement of the set-up rests on, as it was found. */
export type SetupFacts = {
  mode: 'evaluation' | 'production'
  publicUrl: string
  /** Null in evaluation, and while the address was never looked at. */
  address: AddressFacts | null
  /** How many authorities of the company's own Macs are told to trust. */
  anchors: number
  push: Pick<PushSetup, 'installed' | 'service'>
  appleBusiness: readonly Pick<AppleBusinessLinkView, 'state' | 'fault' | 'devices' | 'server'>[]
  inventory: InventoryCounts
  moving: { total: number; next: MovingMac | null }
  signer: SignerState | null
  secret: { source: 'environment' | 'generated'; previous: number }
  people: { approvers: number; owners: number; ownersWithoutSecondFactor: number }
  egress: { hosts: readonly OutsideHost[]; results: readonly EgressResult[] }
}

export type StepState = 'done' | 'todo' | 'wrong' | 'not-needed'

export type SetupStep = {
  id: StepId
  title: string
  state: StepState
  /** Production runs without it. */
  isOptional: boolean
  /** How it stands, in one sentence. */
  sentence: string
  /** What to do; null where there is nothing to do. */
  remedy: string | null
  /** Where to do it; null where it is not done in the console. */
  href: string | null
}

/** What a step came to, before it has its name. */
export type Judged = Pick<SetupStep, 'state' | 'sentence'> & { remedy?: string }

export const STEP_IDS = [
  'public-address',
  'server-trust',
  'secret',
  'people',
  'push',
  'egress',
  'inventory',
  'apple-business',
  'signer',
  'migration',
  'first-mac',
] as const
export type StepId = (typeof STEP_IDS)[number]
