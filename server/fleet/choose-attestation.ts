import { base64url, isEqual } from '#protocol/bytes'
import { parseCertificate } from '../attestation/certificate.ts'
import { acmeFreshness } from '../attestation/nonce.ts'
import { type AttestedProperties, known, readProperties } from '../attestation/properties.ts'
import type { AttestationRow, NonceRow } from '../store/attestations.ts'

/**
 * Of a Mac's newest device attestations (newest first), by whichever path, the newest that answers a question about the bound key. One
 * that Apple repeats is as old as when it came first: repeated, it takes no place of what was attested meanwhile. A later one about some other key does not take trust away from this one: Apple may repeat that answer for seven days. But worse news is
 * never passed over: a later one that shows less than the best posture is chosen itself. A re-attestation over ACME that is silent on
 * the posture is no news of it: an earlier attestation that speaks counts, for as long as the policy lets it grow old. Where none is
 * about the bound key, the newest of all, which then says what is wrong. Judges nothing.
 */
export function chooseAttestation(
  attestations: readonly AttestationRow[],
  nonces: readonly NonceRow[],
  boundKey: Uint8Array | undefined,
): AttestationRow | undefined {
  const asked = boundKey === undefined ? [] : nonces.filter((nonce) => isEqual(nonce.agentKey, boundKey))
  const read = byFirstReceipt(attestations).map((row) => ({ row, properties: propertiesOf(row) }))
  const isAboutBoundKey = (one: Read): boolean => questionOf(one, asked) !== undefined
  const isSilent = ({ row, properties }: Read): boolean => row.source === 'acme_reattestation' && isSilentOnPosture(properties)
  const isChosen = (one: Read): boolean => !isSilent(one) && (isAboutBoundKey(one) || !isBestPosture(one.properties))
  return (read.find(isChosen) ?? read.find(isAboutBoundKey) ?? read[0])?.row
}

/** Newest first, each by when its leaf was first received; of a leaf's receipts the newest first. */
function byFirstReceipt(attestations: readonly AttestationRow[]): AttestationRow[] {
  const leafOf = ({ id, chain: [leaf] }: AttestationRow): string => (leaf === undefined ? id : base64url(leaf))
  const firstAt = new Map<string, number>()
  for (const row of attestations) {
    firstAt.set(leafOf(row), Math.min(firstAt.get(leafOf(row)) ?? Number.POSITIVE_INFINITY, row.receivedAt.getTime()))
  }
  const receipt = (row: AttestationRow): number => firstAt.get(leafOf(row)) ?? 0
  return attestations.toSorted((a, b) => receipt(b) - receipt(a))
}

/** The question that an attestation answers; undefined where it answers none of these. */
export const findQuestion = (row: AttestationRow, nonces: readonly NonceRow[]): NonceRow | undefined =>
  questionOf({ row, properties: propertiesOf(row) }, nonces)

function questionOf({ row, properties }: Read, nonces: readonly NonceRow[]): NonceRow | undefined {
  const freshness = properties && known(properties.freshness)
  return freshness === undefined ? undefined : nonces.find((nonce) => isEqual(expectedCode(nonce, row), freshness))
}

type Read = { row: AttestationRow; properties: AttestedProperties | undefined }

/** As `server/attestation/freshness.ts` reads them: each path by its own rule. */
function expectedCode({ nonce }: NonceRow, { source }: AttestationRow): Uint8Array {
  return source === 'acme_reattestation' ? acmeFreshness(base64url(nonce)) : nonce
}

function propertiesOf({ chain: [leaf] }: AttestationRow): AttestedProperties | undefined {
  const parsed = leaf === undefined ? undefined : parseCertificate(leaf)
  return parsed?.ok === true ? readProperties(parsed.certificate) : undefined
}

function isBestPosture(properties: AttestedProperties | undefined): boolean {
  if (properties === undefined) return false
  return known(properties.sip) === 'enabled' && known(properties.secureBoot) === 'full' && known(properties.kexts) === 'none'
}

/** Says nothing bad, and leaves something out. Malformed or doubled is no silence. */
function isSilentOnPosture(properties: AttestedProperties | undefined): boolean {
  if (properties === undefined) return false
  const { sip, secureBoot, kexts } = properties
  const isBad = [
    known(sip) === 'disabled',
    ['reduced', 'permissive'].includes(known(secureBoot) ?? ''),
    known(kexts) === 'allowed',
  ].includes(true)
  const states = [sip, secureBoot, kexts].map(({ state }) => state)
  return (
    !isBad &&
    states.some((state) => state === 'missing' || state === 'blank') &&
    !states.some((state) => state === 'malformed' || state === 'duplicate')
  )
}
