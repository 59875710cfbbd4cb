import { createHash, type KeyObject, sign } from 'node:crypto'
import { bitString, boolean, explicit, integer, objectIdentifier, octetString, sequence, set, time, tlv, utf8String } from './der-writer.ts'

/** Certificates built byte for byte, so that a test can make exactly one thing wrong. */

export type Extension = {
  oid: string
  critical?: boolean
  /** Content of extnValue's OCTET STRING, as it is. */
  value: Uint8Array
}

export type CertificateSpec = {
  serialNumber: bigint
  issuer: Uint8Array
  subject: Uint8Array
  notBefore: Date
  notAfter: Date
  /** SubjectPublicKeyInfo, DER. */
  spki: Uint8Array
  extensions: Extension[]
  signer: KeyObject
  hash: 'sha1' | 'sha256' | 'sha384' | 'sha512'
  /** AlgorithmIdentifier inside the signed part; by default that of `hash`. */
  innerAlgorithm?: Uint8Array
  /** AlgorithmIdentifier beside the signature; by default that of `hash`. */
  outerAlgorithm?: Uint8Array
  /** Last word on the signed part before it is signed. */
  mutateTbs?: (tbs: Uint8Array) => Uint8Array
}

const ECDSA_WITH = {
  sha1: '1.2.840.10045.4.1',
  sha256: '1.2.840.10045.4.3.2',
  sha384: '1.2.840.10045.4.3.3',
  sha512: '1.2.840.10045.4.3.4',
}
export const ecdsaWith = (hash: CertificateSpec['hash']) => sequence(objectIdentifier(ECDSA_WITH[hash]))

export function buildCertificate(spec: CertificateSpec): Uint8Array {
  const plain = sequence(
    explicit(0, integer(2)),
    integer(spec.serialNumber),
    spec.innerAlgorithm ?? ecdsaWith(spec.hash),
    spec.issuer,
    sequence(time(spec.notBefore), time(spec.notAfter)),
    spec.subject,
    spec.spki,
    ...(spec.extensions.length === 0 ? [] : [explicit(3, sequence(...spec.extensions.map(extensionDer)))]),
  )
  const tbs = spec.mutateTbs?.(plain) ?? plain
  return sequence(tbs, spec.outerAlgorithm ?? ecdsaWith(spec.hash), bitString(sign(spec.hash, tbs, spec.signer)))
}

const extensionDer = ({ oid, critical, value }: Extension) =>
  sequence(objectIdentifier(oid), ...(critical === true ? [boolean(true)] : []), octetString(value))

const ATTRIBUTE = { CN: '2.5.4.3', C: '2.5.4.6', ST: '2.5.4.8', O: '2.5.4.10', OU: '2.5.4.11' }

/** A distinguished name, one attribute to each RDN, in the order given. */
export const distinguishedName = (...attributes: [keyof typeof ATTRIBUTE, string][]) =>
  sequence(...attributes.map(([type, value]) => set(sequence(objectIdentifier(ATTRIBUTE[type]), utf8String(value)))))

export const basicConstraints = (ca: boolean, pathLength?: number): Extension => ({
  oid: '2.5.29.19',
  critical: true,
  value: sequence(...(ca ? [boolean(true)] : []), ...(pathLength === undefined ? [] : [integer(pathLength)])),
})

/** RFC 5280 §4.2.1.3. The bits as the first content byte: 0x06 = keyCertSign + cRLSign, 0xF0 = the four of Apple's leaves. */
export const keyUsage = (bits: number): Extension => ({ oid: '2.5.29.15', critical: true, value: bitString(...trimmed(bits)) })

function trimmed(bits: number): [Uint8Array, number] {
  let unused = 0
  while (unused < 7 && ((bits >> unused) & 1) === 0) unused++
  return [Uint8Array.of(bits), unused]
}

/** The EC point inside an uncompressed-point SubjectPublicKeyInfo: 65 bytes for P-256, 97 for P-384. */
export function pointOf(spki: Uint8Array): Uint8Array {
  const length = spki.length > 100 ? 97 : 65
  return spki.slice(spki.length - length)
}

export const subjectKeyIdentifier = (spki: Uint8Array): Extension => ({
  oid: '2.5.29.14',
  value: octetString(createHash('sha1').update(pointOf(spki)).digest()),
})

export const extendedKeyUsage = (oid: string): Extension => ({ oid: '2.5.29.37', value: sequence(objectIdentifier(oid)) })

export const authorityKeyIdentifier = (spki: Uint8Array): Extension => ({
  oid: '2.5.29.35',
  value: sequence(tlv(0x80, createHash('sha1').update(pointOf(spki)).digest())),
})
