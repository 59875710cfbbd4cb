import { createHash, X509Certificate } from 'node:crypto'
import { hex, isEqual } from '#protocol/bytes'
import { MacId } from '#protocol/ids'
import type { BindingEvidence, EnrollmentEvidence, OtherUse, Revoked, SessionEvidence, TrustEvidence } from '../attestation/evidence.ts'
import { HARD_MAX_EVIDENCE_AGE_MS } from '../attestation/policy.ts'
import type { TrustAnchors } from '../attestation/roots.ts'
import type { Clock } from '../clock.ts'
import type { AgentKeyRow } from '../store/agent-keys.ts'
import type { Store } from '../store/client.ts'
import { readTrustRows, type TrustRow } from '../store/trust-evidence.ts'
import type { VerdictRow } from '../store/verdicts.ts'
import { chooseAttestation } from './choose-attestation.ts'
import type { LiveSession, LiveSessions } from './live-sessions.ts'

export type GatherDeps = {
  store: Store
  clock: Clock
  anchors: TrustAnchors
  live: LiveSessions
  /** SHA-256 (hex) of the serial numbers on the revocation list in force. */
  revokedSerials: () => ReadonlySet<string>
}

/** `releasedAt`: what is older does not put the Mac back into quarantine. */
export type Gathered = { evidence: TrustEvidence; last: VerdictRow | undefined; releasedAt: Date | undefined; hasLeft: boolean }

/** Everything that decisions about these Macs rest on, in as many statements as for one. */
export async function gatherEvidence(deps: GatherDeps, macs: readonly MacId[]): Promise<Map<MacId, Gathered>> {
  return new Map([...(await readRows(deps, macs))].map(([mac, row]) => [mac, gathered(row, deps)]))
}

/** What the database knows of these Macs. */
export function readRows(deps: GatherDeps, macs: readonly MacId[]): Promise<Map<MacId, TrustRow>> {
  return readTrustRows(deps.store, macs, new Date(deps.clock.now().getTime() - 2 * HARD_MAX_EVIDENCE_AGE_MS))
}

/** One Mac's evidence, joined with its session of this moment. Throws for a row that cannot be read: that is one Mac's fault alone. */
export function gathered(row: TrustRow, deps: GatherDeps): Gathered {
  return {
    evidence: toEvidence(row, deps, deps.live.find(row.mac)),
    last: row.lastVerdict ?? undefined,
    releasedAt: row.releasedAt ?? undefined,
    hasLeft: row.lastVerdict !== null && !isLiving(row.enrollment?.state),
  }
}

const isLiving = (state: string | undefined): boolean => state !== undefined && state !== 'unenrolled' && state !== 'superseded'

function toEvidence(row: TrustRow, deps: GatherDeps, live: LiveSession | undefined): TrustEvidence {
  const { enrollment, channel, key, securityInfo } = row
  const device = chooseAttestation(row.attestations, row.nonces, key?.spki)
  return {
    anchors: deps.anchors,
    mac: {
      id: row.mac,
      serial: row.serial,
      isInInventory: true,
      isRevoked: row.revokedAt !== null,
      isAppleSilicon: row.isAppleSilicon ?? undefined,
      quarantine: row.quarantinedAt === null ? undefined : { reason: row.quarantineReason ?? '', at: row.quarantinedAt },
      pool: row.pool,
    },
    enrollment: enrollment === null ? undefined : enrollmentEvidence(enrollment),
    channel:
      channel === null
        ? undefined
        : {
            ...channel,
            identityCertificate: new Uint8Array(new X509Certificate(channel.certificate).raw),
            otherUses: otherUses(row, [channel]),
          },
    device: device && {
      source: device.source === 'acme_reattestation' ? 'acme_reattestation' : 'device_information',
      chain: device.chain,
      receivedAt: device.receivedAt,
      bootSession: device.bootSession ?? undefined,
      // Of all that it has sent lately: what another Mac's attestation is to hide behind its own is not passed over.
      otherUses: otherUses(row, row.attestations),
      evidenceDigest: device.evidenceDigest,
    },
    noncePreimages: row.nonces.map((nonce) => nonce.preimage),
    binding: key === null ? undefined : bindingEvidence(key),
    securityInfo: securityInfo ?? undefined,
    session: live && sessionEvidence(live),
    revoked: revokedFor(row, deps),
  }
}

function otherUses({ otherUses: uses }: TrustRow, shown: readonly { chain: readonly Uint8Array[] }[]): OtherUse[] {
  if (uses.length === 0) return []
  const digests = shown.flatMap(({ chain: [leaf] }) => (leaf === undefined ? [] : [createHash('sha256').update(leaf).digest()]))
  return uses
    .filter((use) => digests.some((digest) => isEqual(use.leafSha256, digest)))
    .map((use) => ({ mac: MacId.parse(use.macId), enrollmentId: use.enrollmentId, at: use.receivedAt }))
}

/** An agent's key is worth nothing beside its row, which names the one that is bound; only identities are revoked by themselves. */
function revokedFor({ enrollment }: TrustRow, deps: GatherDeps): Revoked {
  const identity = enrollment?.isIdentityRevoked === true ? enrollment.identitySha256 : null
  return { certificates: new Set(identity === null ? [] : [hex(identity)]), serials: deps.revokedSerials(), keys: new Set() }
}

/** An external one has no check-in of ours: it stands once Apple's attestation of its identity does. */
function enrollmentEvidence(row: NonNullable<TrustRow['enrollment']>): EnrollmentEvidence {
  const { id, state, kind, identityKind, accessRights, provisioningUdid, identitySha256, supersededBy, lastSeenAt } = row
  return {
    id,
    isEnrolled: state === 'enrolled' || (kind === 'external' && state === 'acme_attested'),
    kind,
    identityKind,
    supersededBy: supersededBy ?? undefined,
    lastSeenAt: lastSeenAt ?? undefined,
    accessRights,
    provisioningUdid: provisioningUdid ?? undefined,
    identitySha256: identitySha256 ?? undefined,
  }
}

export function bindingEvidence({ spki: agentKey, enrollmentId, provedAt, proof }: AgentKeyRow): BindingEvidence {
  const bound = { agentKey, enrollmentId, provedAt }
  switch (proof.level) {
    case 'ticket':
      return { ...bound, level: 'ticket' }
    case 'mdm-signed':
      return { ...bound, level: 'mdm-signed', replyDigest: proof.replyDigest, signatureDigest: proof.signatureDigest }
    case 'apple':
      return { ...bound, level: 'apple', chain: proof.chain, clientData: proof.clientData, receivedAt: provedAt }
    default:
      return proof satisfies never
  }
}

const sessionEvidence = (live: LiveSession): SessionEvidence => ({
  agentKey: live.agentKey,
  lastAnsweredAt: live.answeredAt,
  missed: live.isLost ? 2 : 0,
  claims: live.claims,
  continuousSince: live.continuousSince,
  earlierInterruptions: live.earlierInterruptions,
})
