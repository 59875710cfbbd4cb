import { setImmediate } from 'node:timers/promises'
import { fromHex, hex } from '#protocol/bytes'
import type { MacId } from '#protocol/ids'
import { decideTrust, type TrustDecision } from '../attestation/decide-trust.ts'
import type { TrustEvidence } from '../attestation/evidence.ts'
import type { Policy } from '../attestation/policy.ts'
import { appendAudit } from '../store/audit.ts'
import { findLivingEnrollment } from '../store/enrollment-lookup.ts'
import { appendMacEvent } from '../store/mac-events.ts'
import { appendVerdict, findLatestVerdict, type VerdictRow } from '../store/verdicts.ts'
import { createAppraisalQueue } from './appraisal-queue.ts'
import { chooseReattestation, type ReattestationWish } from './choose-reattestation.ts'
import { type GatherDeps, type Gathered, gatherEvidence, gathered, readRows } from './gather.ts'
import type { LiveSessions } from './live-sessions.ts'
import type { SessionControl } from './ports.ts'
import { quarantine, quarantineReason } from './quarantine.ts'
import { verdictEvent, waivedCodes } from './verdict-event.ts'

export type AppraiserDeps = GatherDeps & {
  policy: () => Policy
  sessions: Pick<SessionControl, 'verdictChanged'>
  /** Apple should be asked about this Mac again, before its grace or its evidence runs out. */
  reattestation: (wish: ReattestationWish) => Promise<void>
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
  /** What enrolled Macs would be under other policies, each in the pool it would be in; stored nowhere. */
  judgeUnder(macs: readonly MacId[], casesOf: (mac: MacId) => readonly PolicyCase[]): Promise<Map<MacId, TrustDecision[]>>
}

export type PolicyCase = { policy: Policy; pool: string | null }

/** Gathers evidence for the pure decision, and keeps what was decided. Verdicts are made one batch of Macs after another. */
export function createAppraiser(deps: AppraiserDeps): Appraiser {
  const queue = createAppraisalQueue({
    prepare: (macs) => readRows(deps, macs),
    judge: async (mac, rows) => {
      const row = rows.get(mac)
      if (row !== undefined) await appraiseNow(deps, mac, gathered(row, deps))
    },
  })
  return {
    appraise: queue.add,
    acmeRefused: (mac, reasons) => queue.alone(() => refuseUnenrolled(deps, mac, reasons)),
    judge: async (mac) => {
      const evidence = (await gatherEvidence(deps, [mac])).get(mac)?.evidence
      return evidence?.enrollment?.isEnrolled === true ? decideTrust(evidence, deps.policy(), deps.clock.now()) : undefined
    },
    judgeUnder: (macs, casesOf) => judgeUnder(deps, macs, casesOf),
  }
}

async function judgeUnder(deps: AppraiserDeps, macs: readonly MacId[], casesOf: (mac: MacId) => readonly PolicyCase[]) {
  const decisions = new Map<MacId, TrustDecision[]>()
  const now = deps.clock.now()
  for (const [mac, { evidence }] of await gatherEvidence(deps, macs)) {
    if (evidence.enrollment?.isEnrolled !== true) continue
    await setImmediate() // signatures are checked here, and requests are answered meanwhile
    const under = ({ policy, pool }: PolicyCase) => decideTrust({ ...evidence, mac: { ...evidence.mac, pool } }, policy, now)
    decisions.set(mac, casesOf(mac).map(under))
  }
  return decisions
}

async function appraiseNow(deps: AppraiserDeps, mac: MacId, { evidence, last, releasedAt, hasLeft }: Gathered): Promise<void> {
  if (!hasLeft && !isToBeJudged(evidence, last)) return
  const first = decideTrust(evidence, deps.policy(), deps.clock.now())
  // A refusal counts at once, whatever becomes of its record; trust counts once it is on record.
  if (first.trust === 'refused') tellSession(deps, mac, first, evidence)
  const reason = first.trust === 'refused' ? quarantineReason(first, evidence, releasedAt) : undefined
  if (reason !== undefined && evidence.mac.quarantine === undefined && !evidence.mac.isRevoked) {
    await quarantine(deps, mac, reason)
    evidence.mac.quarantine = { reason, at: deps.clock.now() }
  }
  const decision = evidence.mac.quarantine === undefined ? first : decideTrust(evidence, deps.policy(), deps.clock.now())
  if (isNews(decision, last, deps.policy().version)) await store(deps, { decision, evidence, last })
  if (decision.trust === 'trusted' || decision !== first) tellSession(deps, mac, decision, evidence)
  noteProven(deps.live, decision, evidence)
  const wish = chooseReattestation({ decision, evidence, policy: deps.policy(), now: deps.clock.now() })
  if (wish !== undefined) await deps.reattestation(wish)
}

/** Interruptions from before an attestation that stands no longer shorten the next grace. */
function noteProven(live: LiveSessions, { checks }: TrustDecision, { mac, session }: TrustEvidence): void {
  const isProven = checks.some((check) => check.id === 'boot' && check.outcome === 'pass')
  if (!isProven || session?.continuousSince === undefined || (session.earlierInterruptions ?? []).length === 0) return
  live.attested(mac.id, session.continuousSince)
}

/** A Mac that is still on its way through enrollment has no verdict; one that was trusted before always gets one. */
function isToBeJudged({ mac, enrollment }: TrustEvidence, last: VerdictRow | undefined): boolean {
  return enrollment?.isEnrolled === true || last?.trust === 'trusted' || mac.isRevoked || mac.quarantine !== undefined
}

function isNews(decision: TrustDecision, last: VerdictRow | undefined, policyVersion: number): boolean {
  if (last === undefined || last.trust !== decision.trust || last.policyVersion !== policyVersion) return true
  if (decision.trust === 'refused') return decision.reasons.join() !== last.reasons.join()
  const lastDigest = last.evidenceDigest === null ? null : hex(last.evidenceDigest)
  if (waivedCodes(decision.checks).join() !== last.waived.join()) return true
  return decision.evidenceDigest !== lastDigest || decision.until.getTime() !== last.until?.getTime()
}

async function store(
  deps: AppraiserDeps,
  { decision, evidence, last }: { decision: TrustDecision; evidence: TrustEvidence; last: VerdictRow | undefined },
): Promise<void> {
  const at = deps.clock.now()
  const mac = evidence.mac.id
  const policyVersion = deps.policy().version
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
      policyVersion,
      waived: waivedCodes(checks),
      checks,
      decidedAt: at,
    })
    await appendMacEvent(tx, mac, verdictEvent(decision, last, policyVersion), at)
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
