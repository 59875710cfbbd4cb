import { createHash, createHmac } from 'node:crypto'
import { p256, p384 } from '@noble/curves/nist.js'
import {
  bitString,
  boolean,
  explicit,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  time,
  tlv,
  utf8String,
} from '../../software-mac/apple/der-writer.ts'

/**
 * Everything that the cases are made of, from one seed: keys, signatures (RFC 6979) and so every byte are the same each time. The shapes
 * are Apple's; the root is the suite's own, and says so in its name.
 */
export const AT = new Date('2026-11-21T12:00:00Z')
export const minutes = (count: number): Date => new Date(AT.getTime() + count * 60_000)
export const seconds = (count: number): Date => new Date(AT.getTime() + count * 1000)
export const days = (count: number): Date => minutes(count * 1440)

export type Key = { curve: 'P-256' | 'P-384'; secret: Uint8Array; point: Uint8Array; spki: Uint8Array }
export type Hash = 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512'

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, 'hex'))
const PREFIX = {
  'P-256': bytesOf('3059301306072a8648ce3d020106082a8648ce3d030107034200'),
  'P-384': bytesOf('3076301006072a8648ce3d020106052b81040022036200'),
}
export const join = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))
export const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'))
export const utf8 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'utf8'))
export const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest())

/** Bytes that look random and come from the seed and a label alone. */
export const bytesFor = (seed: string, label: string, length: number): Uint8Array => {
  const blocks = Array.from({ length: Math.ceil(length / 64) }, (_, index) =>
    createHmac('sha512', seed).update(`${label}/${index}`).digest(),
  )
  return new Uint8Array(Buffer.concat(blocks).subarray(0, length))
}

export function keyFor(seed: string, label: string, curve: Key['curve'] = 'P-384'): Key {
  const noble = curve === 'P-256' ? p256 : p384
  // The top byte is cleared, so that the scalar lies below the order of the group.
  const secret = bytesFor(seed, `key ${label}`, curve === 'P-256' ? 32 : 48)
  secret[0] = 0
  const point = noble.getPublicKey(secret, false)
  return { curve, secret, point, spki: join(PREFIX[curve], point) }
}

function signWith(key: Key, hash: Hash, message: Uint8Array): Uint8Array {
  const digest = new Uint8Array(createHash(hash).update(message).digest())
  const noble = key.curve === 'P-256' ? p256 : p384
  return noble.sign(digest, key.secret, { prehash: false, format: 'der', lowS: false })
}

export type Extension = { oid: string; critical?: boolean; value: Uint8Array }

/** A certificate piece by piece. Each piece may be replaced by bytes of any kind; the signature is always over what is there. */
export type Certificate = {
  version: Uint8Array
  serialNumber: Uint8Array
  innerAlgorithm: Uint8Array
  issuer: Uint8Array
  notBefore: Uint8Array
  notAfter: Uint8Array
  subject: Uint8Array
  spki: Uint8Array
  extensions: Extension[]
  /** After the extensions, inside the signed part. */
  appendix: Uint8Array
  outerAlgorithm: Uint8Array
  signer: Key
  hash: Hash
  /** The wrapped list of extensions, where the list itself is to be odd. */
  extensionBlock?: Uint8Array
  mutateTbs?: (tbs: Uint8Array) => Uint8Array
  mutateSignature?: (signature: Uint8Array) => Uint8Array
  /** The last word on the whole certificate, unsigned. */
  mutate?: (der: Uint8Array) => Uint8Array
}

const ECDSA: Record<Hash, string> = {
  sha1: '1.2.840.10045.4.1',
  sha224: '1.2.840.10045.4.3.1',
  sha256: '1.2.840.10045.4.3.2',
  sha384: '1.2.840.10045.4.3.3',
  sha512: '1.2.840.10045.4.3.4',
}
export const ecdsaWith = (hash: Hash) => sequence(objectIdentifier(ECDSA[hash]))
export const algorithm = (oid: string, ...parameters: Uint8Array[]) => sequence(objectIdentifier(oid), ...parameters)

export const extensionDer = ({ oid, critical, value }: Extension) =>
  sequence(objectIdentifier(oid), ...(critical === true ? [boolean(true)] : []), octetString(value))

function encode(certificate: Certificate): Uint8Array {
  const { extensions, extensionBlock, signer, hash } = certificate
  const block = extensionBlock ?? (extensions.length === 0 ? new Uint8Array() : explicit(3, sequence(...extensions.map(extensionDer))))
  const plain = sequence(
    certificate.version,
    certificate.serialNumber,
    certificate.innerAlgorithm,
    certificate.issuer,
    sequence(certificate.notBefore, certificate.notAfter),
    certificate.subject,
    certificate.spki,
    block,
    certificate.appendix,
  )
  const tbs = certificate.mutateTbs?.(plain) ?? plain
  const signature = signWith(signer, hash, tbs)
  const der = sequence(tbs, certificate.outerAlgorithm, bitString(certificate.mutateSignature?.(signature) ?? signature))
  return certificate.mutate?.(der) ?? der
}

const ATTRIBUTE = { CN: '2.5.4.3', C: '2.5.4.6', ST: '2.5.4.8', O: '2.5.4.10', OU: '2.5.4.11' } as const
export const attribute = (type: keyof typeof ATTRIBUTE, value: Uint8Array) => set(sequence(objectIdentifier(ATTRIBUTE[type]), value))
export const name = (...attributes: [keyof typeof ATTRIBUTE, string][]) =>
  sequence(...attributes.map(([type, value]) => attribute(type, utf8String(value))))

export const OID = {
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extendedKeyUsage: '2.5.29.37',
  serial: '1.2.840.113635.100.8.9.1',
  udid: '1.2.840.113635.100.8.9.2',
  softwareUpdateDeviceId: '1.2.840.113635.100.8.9.4',
  osVersion: '1.2.840.113635.100.8.10.1',
  sepOsVersion: '1.2.840.113635.100.8.10.2',
  llbVersion: '1.2.840.113635.100.8.10.3',
  freshness: '1.2.840.113635.100.8.11.1',
  sip: '1.2.840.113635.100.8.13.1',
  secureBoot: '1.2.840.113635.100.8.13.2',
  kexts: '1.2.840.113635.100.8.13.3',
} as const
export type Oid = keyof typeof OID

export const basicConstraints = (isCa: boolean, pathLength?: number): Extension => ({
  oid: OID.basicConstraints,
  critical: true,
  value: sequence(...(isCa ? [boolean(true)] : []), ...(pathLength === undefined ? [] : [integer(pathLength)])),
})
export const keyUsage = (...content: number[]): Extension => ({
  oid: OID.keyUsage,
  critical: true,
  value: tlv(0x03, Uint8Array.from(content)),
})

export const SERIAL = '0HXK2Q9ABC'
export const UDID = '00006030-0001020304050607'
export const TOKEN = 'a-token-of-128-random-bits'
const ROOT_NAME = 'Conformance Suite Attestation Root CA'
const SUB_CA_NAME = 'Apple Enterprise Attestation Sub CA 1'
export const rootName = name(['CN', ROOT_NAME], ['O', 'Conformance'])
export const subCaName = name(['CN', SUB_CA_NAME], ['O', 'Conformance'])

export type Change = Partial<Certificate>
export type Laboratory = ReturnType<typeof createLaboratory>

export function createLaboratory(seed: string) {
  const rootKey = keyFor(seed, 'root')
  const subCaKey = keyFor(seed, 'sub ca')
  const leafKey = keyFor(seed, 'leaf')
  const nonce = bytesFor(seed, 'nonce', 32)
  const number = (label: string) => integer(BigInt(`0x01${Buffer.from(bytesFor(seed, `number ${label}`, 15)).toString('hex')}`))

  const blank = (
    label: string,
    signer: Key,
  ): Omit<Certificate, 'issuer' | 'subject' | 'spki' | 'extensions' | 'notBefore' | 'notAfter'> => ({
    version: explicit(0, integer(2)),
    serialNumber: number(label),
    innerAlgorithm: ecdsaWith('sha384'),
    outerAlgorithm: ecdsaWith('sha384'),
    appendix: new Uint8Array(),
    signer,
    hash: 'sha384',
  })
  const root = (change: Change = {}): Uint8Array =>
    encode({
      ...blank('root', rootKey),
      issuer: rootName,
      subject: rootName,
      spki: rootKey.spki,
      notBefore: time(days(-400)),
      notAfter: time(days(4000)),
      extensions: [basicConstraints(true), keyUsage(1, 0x06)],
      ...change,
    })
  const subCa = (change: Change = {}): Uint8Array =>
    encode({
      ...blank('sub ca', rootKey),
      issuer: rootName,
      subject: subCaName,
      spki: subCaKey.spki,
      notBefore: time(days(-300)),
      notAfter: time(days(3000)),
      extensions: [basicConstraints(true, 0), keyUsage(1, 0x06)],
      ...change,
    })
  const leafExtensions = (freshness: Uint8Array = nonce): Extension[] => [
    basicConstraints(false),
    keyUsage(4, 0xf0),
    { oid: OID.extendedKeyUsage, value: sequence(objectIdentifier('1.2.840.113635.100.4.24')) },
    { oid: OID.secureBoot, value: ascii('Full Security') },
    { oid: OID.kexts, value: integer(0) },
    { oid: OID.sip, value: integer(0) },
    { oid: OID.serial, value: ascii(SERIAL) },
    { oid: OID.udid, value: ascii(UDID) },
    { oid: OID.sepOsVersion, value: ascii('2811.40.34') },
    { oid: OID.freshness, value: freshness },
    { oid: OID.softwareUpdateDeviceId, value: ascii('J514sAP') },
    { oid: OID.llbVersion, value: ascii('mBoot-18000.40.1') },
    { oid: OID.osVersion, value: ascii('26.1') },
  ]
  const nameOfKey = (point: Uint8Array) =>
    name(['CN', Buffer.from(sha256(point)).toString('hex')], ['OU', 'AAA Certification'], ['O', 'Apple Inc.'], ['ST', 'California'])
  const leaf = (change: Change = {}): Uint8Array =>
    encode({
      ...blank('leaf', subCaKey),
      issuer: subCaName,
      subject: nameOfKey(leafKey.point),
      spki: leafKey.spki,
      notBefore: time(minutes(-60)),
      notAfter: time(days(91)),
      extensions: leafExtensions(),
      ...change,
    })
  /** The leaf's extensions with one of them replaced; `[]` leaves it out. */
  const replaced = (oid: Oid, ...by: Extension[]): Change => ({
    extensions: leafExtensions().flatMap((one) => (one.oid === OID[oid] ? by : [one])),
  })
  const value = (oid: Oid, bytes: Uint8Array): Change => ({
    extensions: leafExtensions().map((one) => (one.oid === OID[oid] ? { ...one, value: bytes } : one)),
  })
  const chain = (leafChange: Change = {}, subCaChange: Change = {}): Uint8Array[] => [leaf(leafChange), subCa(subCaChange)]
  return { seed, rootKey, subCaKey, leafKey, nonce, root, subCa, leaf, leafExtensions, nameOfKey, replaced, value, chain }
}

export function pem(chain: readonly Uint8Array[], label = 'CERTIFICATE'): Uint8Array {
  const blocks = chain.map((der) => {
    const lines =
      Buffer.from(der)
        .toString('base64')
        .match(/.{1,64}/g) ?? []
    return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
  })
  return ascii(blocks.join(''))
}
