import { hex } from '#protocol/bytes'
import type { MacId } from '#protocol/ids'
import type { Clock } from '../clock.ts'
import { findLatestAttestation } from '../store/attestations.ts'
import type { Store } from '../store/client.ts'
import { findEvidentEnrollment } from '../store/enrollment-lookup.ts'
import { listMacs, type MacRow } from '../store/macs.ts'
import { listLatestVerdicts, type VerdictRow } from '../store/verdicts.ts'

/** One Mac in `GET /v1/fleet/attestation`. */
export type MacAttestation = {
  mac: MacId
  trust: 'trusted' | 'refused'
  reasons: readonly string[]
  evidenceDigest: string | null
  /** Seconds since the newest attestation was received. */
  evidenceAge: number | null
  keyBinding: string | null
  /** Apple's certificates as received (DER, base64), leaf first; only for callers who may read evidence: they name serial and UDID. */
  chains?: { acme: string[]; deviceInformation: string[] }
}

/** Every Mac of the inventory with its standing. A Mac without a verdict is refused as not enrolled. */
export async function readFleetAttestation(
  deps: { store: Store; clock: Clock },
  caller: { mayReadEvidence: boolean },
): Promise<{ macs: MacAttestation[] }> {
  const now = deps.clock.now()
  const [macs, verdicts] = await Promise.all([listMacs(deps.store), listLatestVerdicts(deps.store)])
  const byMac = new Map(verdicts.map((verdict) => [verdict.macId, verdict]))
  const rows = macs.map((mac) => standing(mac, byMac.get(mac.id), now))
  return { macs: caller.mayReadEvidence ? await Promise.all(rows.map((row) => withChains(deps.store, row))) : rows }
}

function standing({ id: mac, revokedAt }: MacRow, verdict: VerdictRow | undefined, now: Date): MacAttestation {
  if (verdict === undefined) {
    return { mac, trust: 'refused', reasons: ['NOT_ENROLLED'], evidenceDigest: null, evidenceAge: null, keyBinding: null }
  }
  const reasons = reasonsNow(verdict, { isRevoked: revokedAt !== null, now })
  return {
    mac,
    trust: reasons.length === 0 ? 'trusted' : 'refused',
    reasons,
    evidenceDigest: verdict.evidenceDigest === null ? null : hex(verdict.evidenceDigest),
    evidenceAge: verdict.evidenceAt === null ? null : Math.max(0, Math.floor((now.getTime() - verdict.evidenceAt.getTime()) / 1000)),
    keyBinding: verdict.keyBinding,
  }
}

/** A verdict may have run out, and a revocation counts before a verdict says so. */
function reasonsNow(verdict: VerdictRow, { isRevoked, now }: { isRevoked: boolean; now: Date }): readonly string[] {
  if (verdict.trust !== 'trusted') return verdict.reasons
  if (isRevoked) return ['MAC_REVOKED']
  return verdict.until !== null && now < verdict.until ? [] : ['ATTESTATION_STALE']
}

async function withChains(store: Store, row: MacAttestation): Promise<MacAttestation> {
  const enrollment = await findEvidentEnrollment(store, row.mac)
  if (enrollment === undefined) return row
  const [acme, device] = await Promise.all([
    findLatestAttestation(store, enrollment.id, 'acme'),
    findLatestAttestation(store, enrollment.id, 'device_information'),
  ])
  const base64 = (chain: readonly Uint8Array[] = []): string[] => chain.map((der) => Buffer.from(der).toString('base64'))
  return { ...row, chains: { acme: base64(acme?.chain), deviceInformation: base64(device?.chain) } }
}
