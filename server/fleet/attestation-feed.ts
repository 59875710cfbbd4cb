import { hex } from '#protocol/bytes'
import type { MacId } from '#protocol/ids'
import { type DeviceEvidence, digestEvidence } from '../attestation/evidence.ts'
import { HARD_MAX_EVIDENCE_AGE_MS, type Policy } from '../attestation/policy.ts'
import type { Clock } from '../clock.ts'
import type { Store } from '../store/client.ts'
import { listMacs, type MacRow } from '../store/macs.ts'
import { readTrustRows, type TrustRow } from '../store/trust-evidence.ts'
import { type LatestVerdict, listLatestVerdicts } from '../store/verdicts.ts'
import { findQuestion } from './choose-attestation.ts'
import { bindingEvidence } from './gather.ts'
import { waiversOn } from './waivers.ts'

/** One Mac in `GET /v1/fleet/attestation`. */
export type MacAttestation = {
  mac: MacId
  trust: 'trusted' | 'refused'
  reasons: readonly string[]
  evidenceDigest: string | null
  /** Seconds since the newest attestation was received. */
  evidenceAge: number | null
  keyBinding: string | null
  /** What only a waiver keeps from counting against it. */
  waivers: { id: string; code: string; why: string; until: string }[]
  /**
   * Apple's certificates as received (DER, base64), leaf first: those that `evidenceDigest` names, of the device by the path by which it
   * was attested. Only for callers who may read evidence: they name serial and UDID.
   */
  chains?: { acme: string[]; deviceInformation?: string[]; acmeReattestation?: string[] }
}

/** Every Mac of the inventory with its standing. A Mac without a verdict is refused as not enrolled. */
export async function readFleetAttestation(
  deps: { store: Store; clock: Clock; policy: () => Policy },
  caller: { mayReadEvidence: boolean },
): Promise<{ macs: MacAttestation[] }> {
  const now = deps.clock.now()
  const [macs, verdicts] = await Promise.all([listMacs(deps.store), listLatestVerdicts(deps.store)])
  const byMac = new Map(verdicts.map((verdict) => [verdict.macId, verdict]))
  const rows = macs.map((mac) => standing(mac, byMac.get(mac.id), { now, policy: deps.policy() }))
  return { macs: caller.mayReadEvidence ? await withChains(deps.store, rows, now) : rows }
}

function standing(row: MacRow, verdict: LatestVerdict | undefined, { now, policy }: { now: Date; policy: Policy }): MacAttestation {
  const { id: mac, revokedAt } = row
  if (verdict === undefined) {
    return { mac, trust: 'refused', reasons: ['NOT_ENROLLED'], evidenceDigest: null, evidenceAge: null, keyBinding: null, waivers: [] }
  }
  const reasons = reasonsNow(verdict, { isRevoked: revokedAt !== null, now })
  return {
    mac,
    trust: reasons.length === 0 ? 'trusted' : 'refused',
    reasons,
    evidenceDigest: verdict.evidenceDigest === null ? null : hex(verdict.evidenceDigest),
    evidenceAge: verdict.evidenceAt === null ? null : Math.max(0, Math.floor((now.getTime() - verdict.evidenceAt.getTime()) / 1000)),
    keyBinding: verdict.keyBinding,
    waivers: waiversOn(policy, { ...row, waived: verdict.waived }, now)
      .filter(({ isInUse }) => isInUse)
      .map(({ id, code, why, until }) => ({ id, code, why, until: until.toISOString() })),
  }
}

/** A verdict may have run out, and a revocation counts before a verdict says so. */
function reasonsNow(verdict: LatestVerdict, { isRevoked, now }: { isRevoked: boolean; now: Date }): readonly string[] {
  if (verdict.trust !== 'trusted') return verdict.reasons
  if (isRevoked) return ['MAC_REVOKED']
  return verdict.until !== null && now < verdict.until ? [] : ['ATTESTATION_STALE']
}

/** Macs whose evidence is read in one go: the number of statements grows with the fleet by one in so many. */
const AT_ONCE = 250

async function withChains(store: Store, rows: readonly MacAttestation[], now: Date): Promise<MacAttestation[]> {
  const noncesSince = new Date(now.getTime() - 2 * HARD_MAX_EVIDENCE_AGE_MS)
  const shown: MacAttestation[] = []
  for (let start = 0; start < rows.length; start += AT_ONCE) {
    const some = rows.slice(start, start + AT_ONCE)
    const evidence = await readTrustRows(
      store,
      some.map(({ mac }) => mac),
      noncesSince,
    )
    shown.push(...some.map((row) => ({ ...row, ...chainsOf(evidence.get(row.mac), row.evidenceDigest) })))
  }
  return shown
}

/** Apple's certificates that the verdict rests on: those that its digest names. None where it names none, or they are gone. */
function chainsOf(row: TrustRow | undefined, evidenceDigest: string | null): Pick<MacAttestation, 'chains'> {
  if (row === undefined || row.channel === null || row.key === null || evidenceDigest === null) return {}
  const { channel, key, nonces, attestations } = row
  const binding = bindingEvidence(key)
  for (const attestation of attestations) {
    const question = findQuestion(attestation, nonces)
    if (question === undefined) continue
    const source = attestation.source === 'acme_reattestation' ? 'acme_reattestation' : 'device_information'
    const device = { source, chain: attestation.chain } as const
    const digest = digestEvidence({ channel: channel.chain, device, noncePreimage: question.preimage, binding })
    if (digest === evidenceDigest) return { chains: { acme: base64(channel.chain), ...named(device) } }
  }
  return {}
}

const base64 = (chain: readonly Uint8Array[]): string[] => chain.map((der) => Buffer.from(der).toString('base64'))

const named = ({ source, chain }: Pick<DeviceEvidence, 'source' | 'chain'>) =>
  source === 'acme_reattestation' ? { acmeReattestation: base64(chain) } : { deviceInformation: base64(chain) }
