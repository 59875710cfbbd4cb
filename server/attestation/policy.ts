import { z } from 'zod'
import type { ReasonCode } from './reasons.ts'
import { describeReason, REASON_CODES } from './reasons.ts'

/** What the company demands of its Macs beyond what is never up for discussion (device, channel, key, revocation). */

const DAY_MS = 24 * 3600_000
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

const Waiver = z.strictObject({
  code: z.enum(waivableCodes),
  /** Absent: every Mac. */
  mac: z.string().optional(),
  until: z.iso.datetime(),
  note: z.string().min(1).max(500),
})

export const Policy = z.strictObject({
  version: z.number().int().min(1),
  /** Whether Macs made of software, under the evaluation root, may be trusted. */
  allowEvaluation: z.boolean().default(false),
  maxEvidenceAgeMs: AgeMs.default(HARD_MAX_EVIDENCE_AGE_MS),
  maxSecurityInfoAgeMs: AgeMs.default(HARD_MAX_EVIDENCE_AGE_MS),
  /** 14.2 is the first macOS whose attestation speaks of SIP and Secure Boot. */
  minimumOs: Version.default('14.2'),
  minimumKeyBinding: z.enum(KEY_BINDING_LEVELS).default('ticket'),
  /** Attested properties that must be there although nothing is decided by their value. */
  requiredProperties: z
    .array(z.enum(['softwareUpdateDeviceId', 'sepOsVersion', 'llbVersion']))
    .default(['softwareUpdateDeviceId', 'sepOsVersion', 'llbVersion']),
  requireFileVault: z.boolean().default(true),
  requireAuthenticatedRoot: z.boolean().default(true),
  allowExternalBoot: z.boolean().default(false),
  allowRemoteDesktop: z.boolean().default(false),
  requireApprovedEnrollment: z.boolean().default(true),
  allowRdma: z.boolean().default(false),
  /** Agent releases that may serve. An empty list allows none. */
  releases: z.array(Release).max(1000),
  /** After a restart the boot state is unproven until the next attestation. */
  bootGap: z
    .discriminatedUnion('mode', [
      z.strictObject({ mode: z.literal('refuse') }),
      z.strictObject({ mode: z.literal('grace'), graceMs: z.number().int().min(0).max(DAY_MS) }),
    ])
    .default({ mode: 'grace', graceMs: 30 * 60_000 }),
  waivers: z.array(Waiver).max(1000).default([]),
})
export type Policy = z.infer<typeof Policy>

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
