import { X509Certificate } from 'node:crypto'
import { fromHex, hex } from '#protocol/bytes'
import type { MacId } from '#protocol/ids'
import { decideTrust, type TrustDecision } from '../attestation/decide-trust.ts'
import type { SessionEvidence, TrustEvidence } from '../attestation/evidence.ts'
import { HARD_MAX_EVIDENCE_AGE_MS, type Policy } from '../attestation/policy.ts'
import type { TrustAnchors } from '../attestation/roots.ts'
import type { Clock } from '../clock.ts'
import { findAgentKey } from '../store/agent-keys.ts'
import { findLatestAttestation, listLatestAttestations, listNonces, type NonceRow } from '../store/attestations.ts'
import { appendAudit } from '../store/audit.ts'
import type { Store } from '../store/client.ts'
import { type EvidentEnrollment, findEvidentEnrollment, findIdentityOrder, findLivingEnrollment } from '../store/enrollment-lookup.ts'
import { appendMacEvent } from '../store/mac-events.ts'
import { findMac, type MacRow } from '../store/macs.ts'
import { findLatestSecurityInfo } from '../store/security-infos.ts'
import { appendVerdict, findLatestVerdict, type VerdictRow } from '../store/verdicts.ts'
import { chooseAttestation } from './choose-attestation.ts'
import type { LiveSession, LiveSessions } from './live-sessions.ts'
import { oneAtATime } from './one-at-a-time.ts'
import type { SessionControl } from './ports.ts'

export type AppraiserDeps = {
  store: Store
  clock: Clock
  anchors: TrustAnchors
  policy: () => Policy
  live: LiveSessions
  sessions: Pick<SessionControl, 'verdictChanged'>
}

export interface Appraiser {
  /** Judges a Mac by all evidence at hand, stores the verdict if it differs from the last, and tells the Mac's session. */
  appraise(mac: MacId): Promise<void>
  /**
   * An enrollment that Apple's attestation refused: the Mac's verdict names just those reasons, unless the Mac is enrolled already
   * and judged by what it has proved.
   */
  acmeRefused(mac: MacId, reasons: readonly string[]): Promise<void>
  /** The decision of this moment, stored nowhere. Undefined for a Mac that has not enrolled yet. */
  judge(mac: MacId): Promise<TrustDecision | undefined>
}

/** Gathers evidence for the pure decision, and keeps what was decided. Verdicts of one Mac are made one after another. */
export function createAppraiser(deps: AppraiserDeps): Appraiser {
  const inTurn = oneAtATime<MacId>()
  return {
    appraise: (mac) => inTurn(mac, () => appraiseNow(deps, mac)),
    acmeRefused: (mac, reasons) => inTurn(mac, () => refuseUnenrolled(deps, mac, reasons)),
    judge: async (mac) => {
      const evidence = await gather(deps, mac)
      return evidence?.enrollment?.isEnrolled === true ? decideTrust(evidence, deps.policy(), deps.clock.now()) : undefined
    },
  }
}

async function appraiseNow(deps: AppraiserDeps, mac: MacId): Promise<void> {
  const evidence = await gather(deps, mac)
  if (evidence === undefined) return
  const last = await findLatestVerdict(deps.store, mac)
  const hasLeft = last !== undefined && (await findLivingEnrollment(deps.store, mac)) === undefined
  if (!hasLeft && !isToBeJudged(evidence, last)) return
  const decision = decideTrust(evidence, deps.policy(), deps.clock.now())
  if (isNews(decision, last, deps.policy().version)) await store(deps, mac, decision, evidence)
  tellSession(deps, mac, decision, evidence)
}

/** A Mac that is still on its way through enrollment has no verdict; one that was trusted before always gets one. */
function isToBeJudged({ mac, enrollment }: TrustEvidence, last: VerdictRow | undefined): boolean {
  return enrollment?.isEnrolled === true || last?.trust === 'trusted' || mac.isRevoked || mac.quarantine !== undefined
}

function isNews(decision: TrustDecision, last: VerdictRow | undefined, policyVersion: number): boolean {
  if (last === undefined || last.trust !== decision.trust || last.policyVersion !== policyVersion) return true
  if (decision.trust === 'refused') return decision.reasons.join() !== last.reasons.join()
  const lastDigest = last.evidenceDigest === null ? null : hex(last.evidenceDigest)
  return decision.evidenceDigest !== lastDigest || decision.until.getTime() !== last.until?.getTime()
}

async function store(deps: AppraiserDeps, mac: MacId, decision: TrustDecision, evidence: TrustEvidence): Promise<void> {
  const at = deps.clock.now()
  const { trust, checks, evidenceDigest } = decision
  const reasons = decision.trust === 'refused' ? [...decision.reasons] : []
  await deps.store.$transaction(async (tx) => {
    await appendVerdict(tx, {
      mac,
      trust,
      reasons,
      until: decision.trust === 'trusted' ? decision.until : null,
      evidenceDigest: evidenceDigest === null ? null : (fromHex(evidenceDigest) ?? null),
      evidenceAt: evidence.device?.receivedAt ?? null,
      keyBinding: decision.trust === 'trusted' ? decision.keyBinding : null,
      policyVersion: deps.policy().version,
      checks,
      decidedAt: at,
    })
    await appendMacEvent(tx, mac, { type: 'verdict', trust, reasons }, at)
    await appendAudit(tx, { type: 'verdict.changed', subject: mac, detail: { trust, reasons, evidenceDigest } }, { actor: 'system', at })
  })
}

function tellSession(deps: AppraiserDeps, mac: MacId, decision: TrustDecision, { binding }: TrustEvidence): void {
  if (decision.trust === 'trusted' && binding !== undefined) {
    const { evidenceDigest, until } = decision
    deps.sessions.verdictChanged(mac, { trust: 'trusted', evidenceDigest, until, agentKey: binding.agentKey })
  } else if (decision.trust === 'refused') {
    deps.sessions.verdictChanged(mac, { trust: 'refused', reasons: decision.reasons })
  }
}

async function refuseUnenrolled(deps: AppraiserDeps, mac: MacId, reasons: readonly string[]): Promise<void> {
  if ((await findLivingEnrollment(deps.store, mac))?.state === 'enrolled') return
  const last = await findLatestVerdict(deps.store, mac)
  if (last?.trust === 'refused' && last.reasons.join() === reasons.join()) return
  await storeRefusal(deps, mac, reasons)
}

async function storeRefusal(deps: AppraiserDeps, mac: MacId, reasons: readonly string[]): Promise<void> {
  const at = deps.clock.now()
  await deps.store.$transaction(async (tx) => {
    const policyVersion = deps.policy().version
    const nothing = { until: null, evidenceDigest: null, evidenceAt: null, keyBinding: null, checks: [] }
    await appendVerdict(tx, { mac, trust: 'refused', reasons, ...nothing, policyVersion, decidedAt: at })
    await appendMacEvent(tx, mac, { type: 'verdict', trust: 'refused', reasons: [...reasons] }, at)
    await appendAudit(
      tx,
      { type: 'verdict.changed', subject: mac, detail: { trust: 'refused', reasons: [...reasons], evidenceDigest: null } },
      { actor: 'system', at },
    )
  })
}

async function gather(deps: AppraiserDeps, id: MacId): Promise<TrustEvidence | undefined> {
  const mac = await findMac(deps.store, id)
  if (mac === undefined) return undefined
  const enrollment = await findEvidentEnrollment(deps.store, id)
  const since = new Date(deps.clock.now().getTime() - 2 * HARD_MAX_EVIDENCE_AGE_MS)
  const [nonces, key] = await Promise.all([listNonces(deps.store, id, since), findAgentKey(deps.store, id)])
  const underEnrollment = enrollment === undefined ? NOTHING : await gatherUnder(deps.store, enrollment, { nonces, boundKey: key?.spki })
  const live = deps.live.find(id)
  return {
    anchors: deps.anchors,
    mac: describe(mac),
    ...underEnrollment,
    noncePreimages: nonces.map((nonce) => nonce.preimage),
    binding: key && { level: 'ticket', agentKey: key.spki, enrollmentId: key.enrollmentId, provedAt: key.provedAt },
    session: live && sessionEvidence(live),
  }
}

/** Apple gives one new answer in seven days; evidence older than eight counts for nothing. */
const ANSWERS_LOOKED_AT = 8

type UnderEnrollment = Pick<TrustEvidence, 'enrollment' | 'channel' | 'device' | 'securityInfo'>
const NOTHING: UnderEnrollment = { enrollment: undefined, channel: undefined, device: undefined, securityInfo: undefined }

async function gatherUnder(
  store: Store,
  enrollment: EvidentEnrollment,
  about: { nonces: readonly NonceRow[]; boundKey: Uint8Array | undefined },
): Promise<UnderEnrollment> {
  const [acme, order, answers, securityInfo] = await Promise.all([
    findLatestAttestation(store, enrollment.id, 'acme'),
    findIdentityOrder(store, enrollment.id),
    listLatestAttestations(store, { enrollmentId: enrollment.id, source: 'device_information', limit: ANSWERS_LOOKED_AT }),
    findLatestSecurityInfo(store, enrollment.id),
  ])
  const device = chooseAttestation(answers, about.nonces, about.boundKey)
  return {
    enrollment: {
      id: enrollment.id,
      isEnrolled: enrollment.state === 'enrolled',
      provisioningUdid: enrollment.provisioningUdid ?? undefined,
      accessRights: enrollment.accessRights,
      identitySha256: enrollment.identitySha256 ?? undefined,
    },
    channel: acme &&
      order && {
        chain: acme.chain,
        token: order.token,
        receivedAt: acme.receivedAt,
        identityCertificate: new Uint8Array(new X509Certificate(order.certificate).raw),
        evidenceDigest: acme.evidenceDigest,
      },
    device: device && {
      chain: device.chain,
      receivedAt: device.receivedAt,
      bootSession: device.bootSession ?? undefined,
      evidenceDigest: device.evidenceDigest,
    },
    securityInfo,
  }
}

const describe = (mac: MacRow): TrustEvidence['mac'] => ({
  id: mac.id,
  serial: mac.serial,
  isInInventory: true,
  isRevoked: mac.revokedAt !== null,
  quarantine: mac.quarantinedAt === null ? undefined : { reason: mac.quarantineReason ?? '', at: mac.quarantinedAt },
})

const sessionEvidence = (live: LiveSession): SessionEvidence => ({
  agentKey: live.agentKey,
  lastAnsweredAt: live.answeredAt,
  missed: live.isLost ? 2 : 0,
  claims: live.claims,
  bootSince: live.bootSince,
})
