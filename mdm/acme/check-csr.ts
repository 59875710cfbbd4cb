import 'reflect-metadata'
import { Pkcs10CertificateRequest } from '@peculiar/x509'
import { fromBER } from 'asn1js'
import { sameBytes } from '../bytes.ts'

const MAX_CSR_BYTES = 8 * 1024

export type CsrFault = 'CSR_MALFORMED' | 'CSR_SIGNATURE_INVALID' | 'CSR_KEY_MISMATCH' | 'CSR_SUBJECT_MISMATCH'

/**
 * A PKCS #10 request is accepted only for the attested key, byte for byte: else the attestation would vouch for one key and the
 * certificate name another (reference finding 5). Of its wishes only CN is looked at, and it must be the one that we chose.
 */
export async function checkCsr(options: { csr: Uint8Array; attestedSpki: Uint8Array; commonName: string }): Promise<CsrFault | undefined> {
  const request = parseCsr(options.csr)
  if (request === undefined) return 'CSR_MALFORMED'
  if (!(await request.verify().catch(() => false))) return 'CSR_SIGNATURE_INVALID'
  if (!sameBytes(new Uint8Array(request.publicKey.rawData), options.attestedSpki)) return 'CSR_KEY_MISMATCH'
  const [commonName, ...others] = request.subjectName.getField('CN')
  return commonName === options.commonName && others.length === 0 ? undefined : 'CSR_SUBJECT_MISMATCH'
}

function parseCsr(der: Uint8Array): Pkcs10CertificateRequest | undefined {
  if (der.length === 0 || der.length > MAX_CSR_BYTES) return undefined
  try {
    if (fromBER(new Uint8Array(der)).offset !== der.length) return undefined
    return new Pkcs10CertificateRequest(new Uint8Array(der))
  } catch {
    return undefined
  }
}
