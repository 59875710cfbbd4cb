import { z } from 'zod'
import { MacId } from '#protocol/ids'
import type { Actor } from '../audit/events.ts'
import { WaiverOnMac } from './waivers.ts'

/**
 * What the console asks of the fleet. `FleetReader` is implemented where the fleet is known and joined in `main.ts`; the schemas are
 * also the output schemas of the procedures, so nothing leaves here that is not named here.
 */
const Digest = z.string().regex(/^[0-9a-f]{64}$/)

/** `pending`: no verdict yet, because the Mac has not finished enrolling. */
export const TrustState = z.enum(['trusted', 'refused', 'pending', 'revoked'])
export type TrustState = z.infer<typeof TrustState>

export const MacSummary = z.object({
  id: MacId,
  name: z.string().nullable(),
  serial: z.string(),
  model: z.string().nullable(),
  osVersion: z.string().nullable(),
  isSoftware: z.boolean(),
  trust: TrustState,
  /** Reason codes of a refusal, all of them. */
  reasons: z.array(z.string()),
  /** When the evidence that the verdict rests on was made. */
  evidenceAt: z.date().nullable(),
  isConnected: z.boolean(),
  /** Trusted, connected, challenged in time and not draining: requests may go there. */
  isRoutable: z.boolean(),
  lastSeenAt: z.date().nullable(),
  /** Names of the models ready to answer. */
  models: z.array(z.string()),
  slots: z.number().int(),
  active: z.number().int(),
  addedAt: z.date(),
  /** The pool of the policy that it is judged by; null: everyone's rules. */
  pool: z.string().nullable(),
  /** Those in force for it. */
  waivers: z.array(WaiverOnMac),
})
export type MacSummary = z.infer<typeof MacSummary>

export const MacListQuery = z.strictObject({
  /** Matches name, serial number, id or model, anywhere, without regard to case. */
  search: z.string().trim().max(100).default(''),
  trust: TrustState.optional(),
  connection: z.enum(['connected', 'offline']).optional(),
  sort: z.enum(['name', 'trust', 'lastSeenAt', 'evidenceAt', 'addedAt']).default('name'),
  direction: z.enum(['asc', 'desc']).default('asc'),
  page: z.number().int().min(1).max(100_000).default(1),
  pageSize: z.number().int().min(1).max(200).default(50),
})
export type MacListQuery = z.infer<typeof MacListQuery>

/** How many Macs of the search (the trust filter left aside) are in each state. */
const TrustCounts = z.record(TrustState, z.number().int())

export const MacList = z.object({ rows: z.array(MacSummary), total: z.number().int(), counts: TrustCounts })
export type MacList = z.infer<typeof MacList>

/** One named check of a verdict, as `decideTrust` made it. */
export const Check = z.object({
  id: z.string(),
  /** The item of the trust rules: 1 device, 2 channel, 3 key, 4 code, 5 liveness, 6 boot, 7 cross-check. */
  item: z.number().int().min(1).max(7),
  title: z.string(),
  /** The layer of defence that it is, where it is one. */
  layer: z.string().nullable(),
  /** `unknown` refuses as much as `fail`; `info` decides nothing. */
  outcome: z.enum(['pass', 'fail', 'unknown', 'info', 'waived']),
  sentence: z.string(),
  remedy: z.string().nullable(),
  source: z.string(),
  evidenceDigest: Digest.nullable(),
  observedAt: z.date().nullable(),
})
export type Check = z.infer<typeof Check>

const Verdict = z.object({
  trust: z.enum(['trusted', 'refused']),
  reasons: z.array(z.string()),
  until: z.date().nullable(),
  decidedAt: z.date(),
  policyVersion: z.number().int(),
  /** SHA-256 of that version's document; null for a verdict of before there were versions. */
  policyDigest: Digest.nullable(),
  /** Reason codes that only a waiver kept from counting. */
  waived: z.array(z.string()),
  evidenceDigest: Digest.nullable(),
  keyBinding: z.string().nullable(),
  checks: z.array(Check),
})

export const MacDetail = MacSummary.extend({
  /** When releases of the agent reach it. */
  ring: z.enum(['canary', 'early', 'all']),
  revokedAt: z.date().nullable(),
  quarantine: z.object({ at: z.date(), reason: z.string() }).nullable(),
  verdict: Verdict.nullable(),
  enrollment: z
    .object({
      id: z.string(),
      state: z.string(),
      createdAt: z.date(),
      linkExpiresAt: z.date(),
      enrolledAt: z.date().nullable(),
      lastSeenAt: z.date().nullable(),
      udid: z.string().nullable(),
      provisioningUdid: z.string().nullable(),
      /** Since when Apple has given its push token up: it cannot be woken. */
      unreachableAt: z.date().nullable(),
    })
    .nullable(),
  agentKey: z.object({ sha256: Digest, provedAt: z.date() }).nullable(),
  session: z
    .object({
      id: z.string(),
      openedAt: z.date(),
      agentVersion: z.string(),
      isLive: z.boolean(),
      isDraining: z.boolean(),
      isAvailable: z.boolean(),
      thermal: z.string().nullable(),
      slots: z.number().int(),
      active: z.number().int(),
      models: z.array(
        z.object({
          name: z.string(),
          state: z.enum(['loading', 'ready', 'failed']),
          progress: z.number().optional(),
          error: z.string().optional(),
          contextTokens: z.number().optional(),
        }),
      ),
    })
    .nullable(),
})
export type MacDetail = z.infer<typeof MacDetail>

/** One entry of a Mac's timeline, as `server/fleet/events.ts` stores it. */
export type TimelineEvent = { id: string; at: Date; mac: { id: MacId; name: string | null }; type: string; detail: Record<string, unknown> }
export type EventPage = {
  events: TimelineEvent[]
  /** Pass as `before` for the events before these; null at the beginning of the timeline. */
  next: string | null
}

export const PastVerdict = Verdict.omit({ checks: true }).extend({ id: z.string() })
export type PastVerdict = z.infer<typeof PastVerdict>
export type VerdictPage = {
  verdicts: PastVerdict[]
  /** Pass as `before` for the verdicts before these; null at the first of all. */
  next: string | null
}

export const EvidenceView = z.object({
  digest: Digest,
  kind: z.string(),
  receivedAt: z.date(),
  sizeBytes: z.number().int(),
  /** The bytes as received, base64. */
  raw: z.string(),
  /** What was read from it, in order, each with where it stood. */
  properties: z.array(z.object({ name: z.string(), value: z.string(), source: z.string() })),
  certificates: z.array(
    z.object({
      subject: z.string(),
      issuer: z.string(),
      serialNumber: z.string(),
      notBefore: z.date(),
      notAfter: z.date(),
      algorithm: z.string(),
      sha256: Digest,
      pem: z.string(),
    }),
  ),
})
export type EvidenceView = z.infer<typeof EvidenceView>

export const Overview = z.object({
  macs: TrustCounts,
  connected: z.number().int(),
  routable: z.number().int(),
  slots: z.number().int(),
  active: z.number().int(),
  models: z.array(z.object({ name: z.string(), macs: z.number().int(), slots: z.number().int(), active: z.number().int() })),
  /** In force, and how many Macs would be refused without one. */
  waivers: z.object({ inForce: z.number().int(), macs: z.number().int(), nextEnd: z.date().nullable() }),
  lastHour: z.object({
    total: z.number().int(),
    completed: z.number().int(),
    failed: z.number().int(),
    cancelled: z.number().int(),
    promptTokens: z.number().int(),
    completionTokens: z.number().int(),
    /** Median time to the first content; null without a request. */
    medianFirstContentMs: z.number().nullable(),
    /** The hour in minutes, oldest first. */
    minutes: z.array(z.object({ at: z.date(), completed: z.number().int(), failed: z.number().int() })),
  }),
})
export type Overview = z.infer<typeof Overview>

export type Invitation = { mac: MacId; url: string; expiresAt: Date }

export interface FleetReader {
  listMacs(query: MacListQuery): Promise<MacList>
  getMac(id: MacId): Promise<MacDetail | undefined>
  /** Newest first. */
  listEvents(id: MacId, page: { before?: string | undefined; limit: number }): Promise<EventPage>
  /** Everything that was ever decided about it, newest first. */
  listVerdicts(id: MacId, page: { before?: string | undefined; limit: number }): Promise<VerdictPage>
  /** Of every Mac, newest first. */
  recentEvents(limit: number): Promise<TimelineEvent[]>
  getEvidence(digest: string): Promise<EvidenceView | undefined>
  /** Enters the serial into the inventory if it is new and makes a one-time enrollment link. Throws `conflict` for a revoked Mac. */
  inviteMac(invitation: { serial: string; by: `user:${string}`; identityKind?: 'acme' | 'scep' }): Promise<Invitation>
  /** Takes effect at once: the Mac's sessions are closed and nothing routes to it. Throws `not_found`. */
  revokeMac(revocation: { mac: MacId; by: `user:${string}` }): Promise<void>
  /** Out of quarantine, by a person who says why. Throws `not_found`, or `conflict` for a Mac that is not in it. */
  releaseMac(release: { mac: MacId; note: string; by: `user:${string}` }): Promise<void>
  /** What another MDM server is to install on one Mac. Throws `conflict` for a revoked Mac. */
  exportExternalProfile(wish: { serial: string; by: Actor }): Promise<{ mac: MacId; profile: Uint8Array; expiresAt: Date }>
  /** Of a Mac's enrollment, or the one with this certificate: at once and for good. Throws `not_found`. */
  revokeIdentity(
    which: { mac: MacId } | { certificateSha256: Uint8Array },
    by: { reason: string; actor: Actor },
  ): Promise<{ revoked: number }>
  /** Asks the Mac now for a new identity. Throws `not_found` or `conflict`. */
  renewIdentity(mac: MacId, by: Actor): Promise<void>
  overview(): Promise<Overview>
}
