import 'reflect-metadata'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PublicKey,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { Constructed, ObjectIdentifier, Sequence, Utf8String } from 'asn1js'
import { sha256 } from '../bytes.ts'
import type { AcmePurpose, Issuer } from '../ports.ts'

const DAY_MS = 24 * 3600_000
/** 180 days in all, the hour of clock skew at its beginning included. */
const LIFE_MS = 180 * DAY_MS
/** Only there so that the Mac's order ends well: the hour of skew and one more. */
const REATTESTATION_LIFE_MS = 2 * 3600_000
const SKEW_MS = 3600_000

const EKU_CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
/** RFC 9336. A certificate without any use would be good for every use. */
const EKU_DOCUMENT_SIGNING = '1.3.6.1.5.5.7.3.36'
const ID_SUBJECT_ALT_NAME = '2.5.29.17'
/** RFC 4043 §2 */
const ID_PERMANENT_IDENTIFIER = '1.3.6.1.5.5.7.8.3'

/**
 * The certificate of one enrollment for an attested key: CN is the enrollment, the serial stands in a permanentIdentifier. Only one
 * that is to authenticate messages may be used as a client's.
 */
export async function issueIdentity(options: {
  ca: Issuer
  spki: Uint8Array
  enrollmentId: string
  serial: string
  purpose: AcmePurpose
  now: Date
  random: (bytes: number) => Uint8Array
}): Promise<{ pem: string; sha256: Uint8Array; notBefore: Date; notAfter: Date }> {
  const ca = new X509Certificate(new Uint8Array(options.ca.certificate))
  const notBefore = new Date(options.now.getTime() - SKEW_MS)
  const notAfter = new Date(notBefore.getTime() + (options.purpose === 'reattestation' ? REATTESTATION_LIFE_MS : LIFE_MS))
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(options.random),
    issuer: ca.subjectName,
    subject: [{ CN: [options.enrollmentId] }],
    notBefore,
    notAfter,
    signingAlgorithm: signatureOf(options.ca.privateKey),
    publicKey: new PublicKey(new Uint8Array(options.spki)),
    signingKey: options.ca.privateKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(usesOf(options.ca), true),
      new ExtendedKeyUsageExtension([mayAuthenticate(options.purpose) ? EKU_CLIENT_AUTH : EKU_DOCUMENT_SIGNING]),
      new Extension(ID_SUBJECT_ALT_NAME, false, permanentIdentifier(options.serial)),
      await AuthorityKeyIdentifierExtension.create(ca.publicKey),
    ],
  })
  const pem = `${certificate.toString('pem')}\n${ca.toString('pem')}\n`
  return { pem, sha256: sha256(new Uint8Array(certificate.rawData)), notBefore, notAfter }
}

/** SCEP encrypts its replies to the Mac's key; nobody encrypts to an elliptic curve's. */
const usesOf = ({ privateKey }: Issuer): number =>
  privateKey.algorithm.name === 'ECDSA' ? KeyUsageFlags.digitalSignature : KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment

/** The device CA is P-384, the SCEP CA RSA. */
const signatureOf = ({ algorithm }: Issuer['privateKey']) =>
  algorithm.name === 'ECDSA' ? { name: 'ECDSA', hash: 'SHA-384' } : { name: algorithm.name, hash: 'SHA-256' }

const mayAuthenticate = (purpose: AcmePurpose): boolean => purpose === 'enrollment' || purpose === 'renewal'

/** Positive, never zero, 127 random bits (RFC 5280 §4.1.2.2). */
function serialNumber(random: (bytes: number) => Uint8Array): string {
  const bytes = Buffer.from(random(16))
  bytes[0] = ((bytes[0] as number) & 0x7f) | 0x40
  return bytes.toString('hex')
}

/** GeneralNames { otherName [0] { permanentIdentifier, [0] PermanentIdentifier { identifierValue } } } */
function permanentIdentifier(serial: string): ArrayBuffer {
  const value = new Sequence({ value: [new Utf8String({ value: serial })] })
  const explicit = new Constructed({ idBlock: { tagClass: 3, tagNumber: 0 }, value: [value] })
  const otherName = new Constructed({
    idBlock: { tagClass: 3, tagNumber: 0 },
    value: [new ObjectIdentifier({ value: ID_PERMANENT_IDENTIFIER }), explicit],
  })
  return new Sequence({ value: [otherName] }).toBER()
}
