import { isEqual } from '#protocol/bytes'
import { parseCertificate } from '../attestation/certificate.ts'
import { type AttestedProperties, known, readProperties } from '../attestation/properties.ts'
import type { AttestationRow, NonceRow } from '../store/attestations.ts'

/**
 * Of a Mac's newest attestations (newest first), the newest that answers a question about the bound key. A later one about some
 * other key does not take trust away from this one: Apple may repeat that answer for seven days. But worse news is never passed
 * over: a later one that does not show the best posture is chosen itself. Where none is about the bound key, the newest of all,
 * which then says what is wrong. Judges nothing.
 */
export function chooseAttestation(
  attestations: readonly AttestationRow[],
  nonces: readonly NonceRow[],
  boundKey: Uint8Array | undefined,
): AttestationRow | undefined {
  const asked = boundKey === undefined ? [] : nonces.filter((nonce) => isEqual(nonce.agentKey, boundKey))
  const isChosen = (attestation: AttestationRow): boolean => {
    const properties = propertiesOf(attestation)
    const freshness = properties && known(properties.freshness)
    const isAboutBoundKey = freshness !== undefined && asked.some((nonce) => isEqual(nonce.nonce, freshness))
    return isAboutBoundKey || !isBestPosture(properties)
  }
  return attestations.find(isChosen) ?? attestations[0]
}

function propertiesOf({ chain: [leaf] }: AttestationRow): AttestedProperties | undefined {
  const parsed = leaf === undefined ? undefined : parseCertificate(leaf)
  return parsed?.ok === true ? readProperties(parsed.certificate) : undefined
}

function isBestPosture(properties: AttestedProperties | undefined): boolean {
  if (properties === undefined) return false
  return known(properties.sip) === 'enabled' && known(properties.secureBoot) === 'full' && known(properties.kexts) === 'none'
}
