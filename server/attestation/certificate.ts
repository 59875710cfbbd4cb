import { createPublicKey, verify } from 'node:crypto'
import { p256, p384 } from '@noble/curves/nist.js'
import { isEqual } from '#protocol/bytes'
import {
  createDerReader,
  DerError,
  type DerReader,
  decodeBitString,
  decodeBoolean,
  decodeInteger,
  decodeObjectIdentifier,
  decodeTime,
  readInside,
  readWhole,
  TAG,
} from './der.ts'

/** An X.509 v3 certificate (RFC 5280 §4.1), taken apart but not judged. All bytes are of one private copy of the input. */
export type Certificate = {
  raw: Uint8Array
  tbs: Uint8Array
  serialNumber: bigint
  issuer: Name
  subject: Name
  notBefore: Date
  notAfter: Date
  /** SubjectPublicKeyInfo, DER. */
  spki: Uint8Array
  /** Undefined for keys that are not uncompressed points on P-256 or P-384. */
  publicKey: EcPublicKey | undefined
  /** Undefined for all but ecdsa-with-SHA256 and ecdsa-with-SHA384, and where the two algorithm fields differ. */
  signatureHash: 'sha256' | 'sha384' | undefined
  signature: Uint8Array
  extensions: readonly Extension[]
}

export type Name = { raw: Uint8Array; commonName: string | undefined }
export type EcPublicKey = { curve: 'P-256' | 'P-384'; point: Uint8Array }
export type Extension = { oid: string; critical: boolean; value: Uint8Array }

export type ParsedCertificate = { ok: true; certificate: Certificate } | { ok: false; detail: string }

export const MAX_CERTIFICATE_BYTES = 8 * 1024
const MAX_EXTENSIONS = 64

/** Copies, then parses strictly; never throws. Source: RFC 5280 §4.1, X.690 §10. */
export function parseCertificate(der: Uint8Array): ParsedCertificate {
  if (der.length > MAX_CERTIFICATE_BYTES) return { ok: false, detail: `longer than ${MAX_CERTIFICATE_BYTES} bytes` }
  try {
    return { ok: true, certificate: readCertificate(Uint8Array.from(der)) }
  } catch (error) {
    if (error instanceof DerError) return { ok: false, detail: error.message }
    throw error
  }
}

function readCertificate(raw: Uint8Array): Certificate {
  return readWhole(raw, TAG.sequence, (certificate) => {
    const tbs = certificate.next(TAG.sequence)
    const outerAlgorithm = readAlgorithm(certificate)
    const signature = decodeBitString(certificate.next(TAG.bitString).content)
    if (signature.unusedBits !== 0) throw new DerError('the signature is not whole bytes')
    const { innerAlgorithm, ...fields } = readInside(tbs, readTbs)
    const signatureHash = isEqual(innerAlgorithm, outerAlgorithm) ? hashOf(outerAlgorithm) : undefined
    return { raw, tbs: tbs.raw, ...fields, signatureHash, signature: signature.bytes }
  })
}

function readTbs(tbs: DerReader) {
  const version = readInside(tbs.next(0xa0), (inside) => decodeInteger(inside.next(TAG.integer).content))
  if (version !== 2n) throw new DerError('not an X.509 v3 certificate')
  const serial = tbs.next(TAG.integer).content
  const serialNumber = decodeInteger(serial)
  // RFC 5280 §4.1.2.2
  if (serialNumber <= 0n || serial.length > 20) throw new DerError('the serial number is not positive or too long')
  const innerAlgorithm = readAlgorithm(tbs)
  const issuer = readName(tbs)
  const { notBefore, notAfter } = readInside(tbs.next(TAG.sequence), (validity) => ({
    notBefore: decodeTime(validity.next()),
    notAfter: decodeTime(validity.next()),
  }))
  const subject = readName(tbs)
  const spki = readSpki(tbs)
  const extensions = tbs.isAtEnd ? [] : readInside(tbs.next(0xa3), readExtensions)
  return { serialNumber, innerAlgorithm, issuer, notBefore, notAfter, subject, spki, publicKey: parseEcPublicKey(spki), extensions }
}

/** AlgorithmIdentifier (RFC 5280 §4.1.1.2): an object identifier, and parameters as algorithms have them: NULL, another one, a SEQUENCE. */
function readAlgorithm(reader: DerReader): Uint8Array {
  const algorithm = reader.next(TAG.sequence)
  readInside(algorithm, (inside) => {
    decodeObjectIdentifier(inside.next(TAG.objectIdentifier).content)
    if (inside.isAtEnd) return
    const { tag, content } = inside.next()
    if (tag === TAG.objectIdentifier) decodeObjectIdentifier(content)
    else if (tag !== TAG.sequence && (tag !== TAG.null || content.length > 0)) throw new DerError('odd parameters of an algorithm')
  })
  return algorithm.raw
}

/** SubjectPublicKeyInfo (RFC 5280 §4.1.2.7); which keys are allowed is judged elsewhere. */
function readSpki(reader: DerReader): Uint8Array {
  const spki = reader.next(TAG.sequence)
  readInside(spki, (inside) => {
    readAlgorithm(inside)
    decodeBitString(inside.next(TAG.bitString).content)
  })
  return spki.raw
}

const COMMON_NAME = '2.5.4.3'

function readName(reader: DerReader): Name {
  const name = reader.next(TAG.sequence)
  const commonNames: string[] = []
  const rdns = createDerReader(name.content)
  while (!rdns.isAtEnd) {
    const attributes = createDerReader(rdns.next(TAG.set).content)
    do {
      const { type, text } = readInside(attributes.next(TAG.sequence), readAttribute)
      if (type === COMMON_NAME && text !== undefined) commonNames.push(text)
    } while (!attributes.isAtEnd)
  }
  // Two common names are none: which one is meant is anyone's guess.
  return { raw: name.raw, commonName: commonNames.length === 1 ? commonNames[0] : undefined }
}

/** Other text types of RFC 5280 Appendix A.1: they are read as text, and none of them is one that we would go by. */
const OTHER_TEXT: ReadonlySet<number> = new Set([TAG.numericString, TAG.teletexString, TAG.ia5String])

function readAttribute(attribute: DerReader): { type: string; text: string | undefined } {
  const type = decodeObjectIdentifier(attribute.next(TAG.objectIdentifier).content)
  const { tag, content } = attribute.next()
  if (tag === TAG.utf8String || tag === TAG.printableString) return { type, text: decodeUtf8(content) }
  if (!OTHER_TEXT.has(tag) && !(tag === TAG.bmpString && isBmp(content))) throw new DerError('a name holds something other than text')
  return { type, text: undefined }
}

/** Characters of two bytes each, and no halves of a surrogate pair. */
const isBmp = (bytes: Uint8Array): boolean => bytes.length % 2 === 0 && bytes.every((byte, at) => at % 2 === 1 || (byte & 0xf8) !== 0xd8)

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new DerError('a name is not UTF-8')
  }
}

function readExtensions(wrapper: DerReader): Extension[] {
  const list = createDerReader(wrapper.next(TAG.sequence).content)
  const extensions: Extension[] = []
  do {
    extensions.push(readInside(list.next(TAG.sequence), readExtension))
    if (extensions.length > MAX_EXTENSIONS) throw new DerError('too many extensions')
  } while (!list.isAtEnd)
  return extensions
}

function readExtension(extension: DerReader): Extension {
  const oid = decodeObjectIdentifier(extension.next(TAG.objectIdentifier).content)
  const critical = extension.peek() === TAG.boolean && decodeTrue(extension.next().content)
  return { oid, critical, value: extension.next(TAG.octetString).content }
}

/** X.690 §11.5: a value equal to its default is left out, so only TRUE may stand. */
export function decodeTrue(content: Uint8Array): true {
  if (!decodeBoolean(content)) throw new DerError('a default value is spelled out')
  return true
}

const bytesOf = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))

/** AlgorithmIdentifiers without parameters (RFC 5758 §3.2), compared whole. */
const ECDSA_WITH_SHA256 = bytesOf('300a06082a8648ce3d040302')
const ECDSA_WITH_SHA384 = bytesOf('300a06082a8648ce3d040303')

function hashOf(algorithm: Uint8Array): 'sha256' | 'sha384' | undefined {
  if (isEqual(algorithm, ECDSA_WITH_SHA256)) return 'sha256'
  return isEqual(algorithm, ECDSA_WITH_SHA384) ? 'sha384' : undefined
}

/** The two SubjectPublicKeyInfo forms that we accept (RFC 5480 §2): named curve, uncompressed point. */
const CURVES = [
  { curve: 'P-256', prefix: bytesOf('3059301306072a8648ce3d020106082a8648ce3d030107034200'), pointBytes: 65, noble: p256 },
  { curve: 'P-384', prefix: bytesOf('3076301006072a8648ce3d020106052b81040022036200'), pointBytes: 97, noble: p384 },
] as const

export function parseEcPublicKey(spki: Uint8Array): EcPublicKey | undefined {
  for (const { curve, prefix, pointBytes, noble } of CURVES) {
    if (spki.length !== prefix.length + pointBytes || !isEqual(spki.subarray(0, prefix.length), prefix)) continue
    const point = spki.subarray(prefix.length)
    return point[0] === 4 && noble.utils.isValidPublicKey(point, false) ? { curve, point } : undefined
  }
  return undefined
}

/** True when `issuer`'s key made the signature. Judges nothing else: not names, not validity, not whether it may issue. */
export function isSignedBy(certificate: Certificate, issuer: Certificate): boolean {
  if (certificate.signatureHash === undefined || issuer.publicKey === undefined) return false
  try {
    const key = createPublicKey({ key: Buffer.from(issuer.spki), format: 'der', type: 'spki' })
    // OpenSSL re-encodes the ECDSA signature and compares, so a signature has one encoding.
    return verify(certificate.signatureHash, certificate.tbs, { key, dsaEncoding: 'der' }, certificate.signature)
  } catch {
    return false
  }
}
