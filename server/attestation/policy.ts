import { z } from 'zod'
import type { ReasonCode } from './reasons.ts'
import { describeReason, REASON_CODES } from './reasons.ts'

/** What the company demands of its Macs beyond what is never up for discussion (device, channel, key, revocation). */

const HOUR_MS = 3600_000
const DAY_MS = 24 * HOUR_MS
/** Apple makes a DeviceInformation attestation at most every seven days; a day more to fetch it. No policy may go beyond. */
export const HARD_MAX_EVIDENCE_AGE_MS = 8 * DAY_MS

const Version = z.string().regex(/^\d{1,4}(\.\d{1,4}){0,3}$/)
const AgeMs = z.number().int().min(60_000).max(HARD_MAX_EVIDENCE_AGE_MS)

/** From the weakest to the strongest proof that the agent's key lives on the attested Mac (DESIGN §4.3). */
export const KEY_BINDING_LEVELS = ['ticket', 'mdm-signed', 'apple'] as const
export type KeyBindingLevel = (typeof KEY_BINDING_LEVELS)[number]

const Release = z.strictObject({
  agentVersion: z.string().min(1).max(64),
  /** SHA-256 (hex); absent: any code that names this version. */
  codeHash: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  teamId: z.string().min(1).max(32).optional(),
})

const waivableCodes = REASON_CODES.filter((code) => describeReason(code).isWaivable) as [ReasonCode, ...ReasonCode[]]

export const PoolName = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/, 'A pool’s name has small letters, digits and hyphens.')

/** Nothing is excused for longer than this; what is still needed then is decided anew. */
const MAX_WAIVER_MS = 90 * DAY_MS

const WaiverScope = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('mac'), mac: z.string().min(1).max(64) }),
  z.strictObject({ kind: z.literal('pool'), pool: PoolName }),
  z.strictObject({ kind: z.literal('all') }),
])
export type WaiverScope = z.infer<typeof WaiverScope>

/** One policy item excused for some Macs until a day. Who proposed and who approved it stands with the version that brought it. */
export const Waiver = z
  .strictObject({
    id: z.string().regex(/^wvr_[0-9a-z]{16,32}$/),
    code: z.enum(waivableCodes),
    scope: WaiverScope,
    why: z.string().trim().min(1).max(500),
    from: z.iso.datetime(),
    until: z.iso.datetime(),
  })
  .refine(({ from, until }) => Date.parse(from) < Date.parse(until), { path: ['until'], message: 'A waiver ends after it begins.' })
  .refine(({ from, until }) => Date.parse(until) - Date.parse(from) <= MAX_WAIVER_MS, {
    path: ['until'],
    message: 'A waiver lasts 90 days at most.',
  })
export type Waiver = z.infer<typeof Waiver>

export const REQUIRABLE_PROPERTIES = ['softwareUpdateDeviceId', 'sepOsVersion', 'llbVersion'] as const

const BootGap = z.discriminatedUnion('mode', [
  z.strictObject({ mode: z.literal('refuse') }),
  z.strictObject({ mode: z.literal('grace'), graceMs: z.number().int().min(0).max(DAY_MS) }),
])

/** What a pool may set for its own Macs, stricter or otherwise. */
const thresholds = {
  maxEvidenceAgeMs: AgeMs,
  /** From this age on the attestation is shown as old; it decides nothing. */
  warnEvidenceAgeMs: AgeMs,
  maxSecurityInfoAgeMs: AgeMs,
  /** A Mac not heard over MDM for so long is refused, however lively its agent is. */
  mdmSilentAfterMs: z
    .number()
    .int()
    .min(HOUR_MS)
    .max(30 * DAY_MS),
  minimumOs: Version,
  minimumKeyBinding: z.enum(KEY_BINDING_LEVELS),
  /** Attested properties that must be there although nothing is decided by their value. */
  requiredProperties: z.array(z.enum(REQUIRABLE_PROPERTIES)).max(REQUIRABLE_PROPERTIES.length),
  requireFileVault: z.boolean(),
  requireAuthenticatedRoot: z.boolean(),
  allowExternalBoot: z.boolean(),
  allowRemoteDesktop: z.boolean(),
  requireApprovedEnrollment: z.boolean(),
  /** Only Macs that came in through Automated Device Enrollment. */
  requireAutomatedEnrollment: z.boolean(),
  /** Macs managed by another MDM server, of which ours holds an attested identity and has no channel. */
  allowExternalManagement: z.boolean(),
  allowRdma: z.boolean(),
  /** After a restart the boot state is unproven until the next attestation. */
  bootGap: BootGap,
}

const Pool = z.strictObject({ name: PoolName, rules: z.strictObject(thresholds).partial() })
export type Pool = z.infer<typeof Pool>

const MAX_POOLS = 50

export const Policy = z.strictObject({
  version: z.number().int().min(1),
  /** Whether Macs made of software, under the evaluation root, may be trusted. */
  allowEvaluation: z.boolean().default(false),
  /** A day: a re-attestation over ACME can be had at any time. A fleet that lives by DeviceInformation sets up to the hard limit. */
  maxEvidenceAgeMs: thresholds.maxEvidenceAgeMs.default(DAY_MS),
  warnEvidenceAgeMs: thresholds.warnEvidenceAgeMs.default(21 * HOUR_MS),
  maxSecurityInfoAgeMs: thresholds.maxSecurityInfoAgeMs.default(HARD_MAX_EVIDENCE_AGE_MS),
  mdmSilentAfterMs: thresholds.mdmSilentAfterMs.default(3 * DAY_MS),
  /** 14.2 is the first macOS whose attestation speaks of SIP and Secure Boot. */
  minimumOs: thresholds.minimumOs.default('14.2'),
  minimumKeyBinding: thresholds.minimumKeyBinding.default('ticket'),
  requiredProperties: thresholds.requiredProperties.default([...REQUIRABLE_PROPERTIES]),
  requireFileVault: thresholds.requireFileVault.default(true),
  requireAuthenticatedRoot: thresholds.requireAuthenticatedRoot.default(true),
  allowExternalBoot: thresholds.allowExternalBoot.default(false),
  allowRemoteDesktop: thresholds.allowRemoteDesktop.default(false),
  requireApprovedEnrollment: thresholds.requireApprovedEnrollment.default(true),
  requireAutomatedEnrollment: thresholds.requireAutomatedEnrollment.default(false),
  allowExternalManagement: thresholds.allowExternalManagement.default(false),
  allowRdma: thresholds.allowRdma.default(false),
  bootGap: thresholds.bootGap.default({ mode: 'grace', graceMs: 30 * 60_000 }),
  /** Agent releases that may serve. An empty list allows none. */
  releases: z.array(Release).max(1000),
  /** Groups of Macs by name; which Mac is in which stands with the Mac. */
  pools: z
    .array(Pool)
    .max(MAX_POOLS)
    .refine((pools) => hasNoTwins(pools.map(({ name }) => name)), 'Two pools have the same name.')
    .default([]),
  waivers: z
    .array(Waiver)
    .max(1000)
    .refine((waivers) => hasNoTwins(waivers.map(({ id }) => id)), 'Two waivers have the same id.')
    .default([]),
})

export type Policy = z.infer<typeof Policy>
export type Threshold = keyof typeof thresholds

function hasNoTwins(words: readonly string[]): boolean {
  return new Set(words).size === words.length
}

/**
 * The policy as it is for a Mac of this pool: the pool's own rules where it has them, everyone's elsewhere. No pool, or one that the
 * policy does not name: everyone's. Applying it twice changes nothing.
 */
export function policyFor(policy: Policy, pool: string | null): Policy {
  const rules = pool === null ? undefined : policy.pools.find(({ name }) => name === pool)?.rules
  if (rules === undefined) return policy
  const set = Object.fromEntries(Object.entries(rules).filter(([, value]) => value !== undefined))
  return { ...policy, ...set }
}

export const isInScope = (scope: WaiverScope, mac: { id: string; pool: string | null }): boolean => {
  switch (scope.kind) {
    case 'all':
      return true
    case 'pool':
      return mac.pool === scope.pool
    case 'mac':
      return mac.id === scope.mac
    default:
      return scope satisfies never
  }
}

/** The waivers in force for this Mac now. A code that may not be waived never is, whatever the document says. */
export function waiversFor(policy: Policy, mac: { id: string; pool: string | null }, now: Date): Waiver[] {
  return policy.waivers.filter(
    ({ code, scope, from, until }) =>
      describeReason(code).isWaivable && isInScope(scope, mac) && Date.parse(from) <= now.getTime() && now.getTime() < Date.parse(until),
  )
}

/** macOS versions as numbers, part by part: 14.10 is newer than 14.2. */
export function isOlderVersion(version: string, minimum: string): boolean {
  const parts = version.split('.').map(Number)
  const wanted = minimum.split('.').map(Number)
  for (let i = 0; i < Math.max(parts.length, wanted.length); i++) {
    const difference = (parts[i] ?? 0) - (wanted[i] ?? 0)
    if (difference !== 0) return difference < 0
  }
  return false
}
