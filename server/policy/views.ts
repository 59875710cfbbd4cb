import { z } from 'zod'
import { MacId } from '#protocol/ids'
import { Waiver } from '../attestation/policy.ts'
import { Move, PolicyDraft } from './draft.ts'
import { Impact } from './impact.ts'

/** What people see of the policy; also the output schemas of the procedures. */

const Digest = z.string().regex(/^[0-9a-f]{64}$/)
/** A person by name, or the appliance itself. */
const Someone = z.object({ id: z.string().nullable(), name: z.string() })
export const Change = z.object({ sentence: z.string(), effect: z.enum(['lowers', 'raises', 'neutral']) })
const Section = z.object({ title: z.string(), sentences: z.array(z.string()) })

export const WaiverView = Waiver.safeExtend({
  /** What it excuses, in words. */
  sentence: z.string(),
  state: z.enum(['in force', 'ended']),
  /** The version that brought it, and who proposed and approved that; null where that was never put in force. */
  version: z.number().int().nullable(),
  proposedBy: Someone.nullable(),
  approvedBy: Someone.nullable(),
  /** Macs that would be refused without it now. */
  macs: z.array(z.object({ id: MacId, name: z.string().nullable() })),
  macCount: z.number().int(),
})
export type WaiverView = z.infer<typeof WaiverView>

const RejudgeView = z.object({
  policyVersion: z.number().int(),
  done: z.number().int(),
  total: z.number().int(),
  failed: z.number().int(),
  startedAt: z.date(),
  finishedAt: z.date().nullable(),
})

export const PolicyView = z.object({
  version: z.number().int(),
  digest: Digest,
  inForceAt: z.date().nullable(),
  sections: z.array(Section),
  /** The document, to edit; its waivers have their ids. */
  draft: PolicyDraft,
  pools: z.array(z.object({ name: z.string(), macs: z.number().int() })),
  waivers: z.array(WaiverView),
  rejudge: RejudgeView.nullable(),
  mode: z.enum(['evaluation', 'production']),
  /** What may be waived, in words. */
  waivable: z.array(z.object({ code: Waiver.shape.code, sentence: z.string() })),
})
export type PolicyView = z.infer<typeof PolicyView>

export const VersionSummary = z.object({
  version: z.number().int(),
  digest: Digest,
  state: z.enum(['proposed', 'in_force', 'superseded', 'rejected', 'withdrawn', 'expired']),
  baseVersion: z.number().int().nullable(),
  proposedBy: Someone,
  proposedAt: z.date(),
  reason: z.string(),
  lowersTrust: z.boolean(),
  changes: z.array(Change),
  moves: z.array(Move),
  impactAtProposal: Impact.nullable(),
  impactAtApproval: Impact.nullable(),
  expiresAt: z.date().nullable(),
  decidedBy: Someone.nullable(),
  decidedAt: z.date().nullable(),
  decisionReason: z.string().nullable(),
  notBefore: z.date().nullable(),
  inForceAt: z.date().nullable(),
  supersededAt: z.date().nullable(),
})
export type VersionSummary = z.infer<typeof VersionSummary>

export const VersionDetail = VersionSummary.extend({
  sections: z.array(Section),
  /** The canonical JSON whose SHA-256 is the digest. */
  document: z.string(),
  /** What the one who asks may do with it now, and why not. */
  may: z.object({
    approve: z.boolean(),
    /** Only their own approval is to be had: it counts after a delay. */
    approveAlone: z.boolean(),
    reject: z.boolean(),
    withdraw: z.boolean(),
    why: z.string().nullable(),
  }),
})
export type VersionDetail = z.infer<typeof VersionDetail>

export const PreviewView = z.object({
  id: z.string(),
  state: z.enum(['running', 'done', 'failed']),
  done: z.number().int(),
  total: z.number().int(),
  impact: Impact.nullable(),
  changes: z.array(Change),
  lowersTrust: z.boolean(),
})
export type PreviewView = z.infer<typeof PreviewView>

export type Asker = { id: string }

export interface PolicyDesk {
  getPolicy(): Promise<PolicyView>
  /** Newest first. */
  listVersions(page: { before: number | undefined; limit: number }): Promise<{ versions: VersionSummary[]; next: number | null }>
  getVersion(version: number, asker: Asker): Promise<VersionDetail>
  /** Starts to measure what a draft, or a proposal, would change. */
  startPreview(about: { draft: PolicyDraft; moves: z.infer<typeof Move>[] } | { version: number }, asker: Asker): Promise<string>
  getPreview(id: string): Promise<PreviewView>
  propose(proposal: { preview: string; reason: string }, asker: Asker): Promise<number>
  approve(
    approval: { version: number; preview: string; alone: boolean; reason: string | null },
    asker: Asker,
  ): Promise<{ state: 'in force' | 'waits'; notBefore: Date | null }>
  reject(rejection: { version: number; reason: string }, asker: Asker): Promise<void>
  withdraw(withdrawal: { version: number; reason: string | null }, asker: Asker): Promise<void>
}
