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
import type { Issuer } from '../ports.ts'

const DAY_MS = 24 * 3600_000
/** 180 days in all, the hour of clock skew at its beginning included. */
const LIFE_MS = 180 * DAY_MS
const SKEW_MS = 3600_000

const EKU_CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
const ID_SUBJECT_ALT_NAME = '2.5.29.17'
/** RFC 4043 §2 */
const ID_PERMANENT_IDENTIFIER = '1.3.6.1.5.5.7.8.3'

/** The identity of one enrollment, for an attested key: CN is the enrollment, the serial stands in a permanentIdentifier. */
export async function issueIdentity(options: {
  ca: Issuer
  spki: Uint8Array
  enrollmentId: string
  serial: string
  now: Date
  random: (bytes: number) => Uint8Array
}): Promise<{ pem: string; sha256: Uint8Array }> {
  const ca = new X509Certificate(new Uint8Array(options.ca.certificate))
  const notBefore = new Date(options.now.getTime() - SKEW_MS)
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(options.random),
    issuer: ca.subjectName,
    subject: [{ CN: [options.enrollmentId] }],
    notBefore,
    notAfter: new Date(notBefore.getTime() + LIFE_MS),
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-384' },
    publicKey: new PublicKey(new Uint8Array(options.spki)),
    signingKey: options.ca.privateKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([EKU_CLIENT_AUTH]),
      new Extension(ID_SUBJECT_ALT_NAME, false, permanentIdentifier(options.serial)),
      await AuthorityKeyIdentifierExtension.create(ca.publicKey),
    ],
  })
  return { pem: `${certificate.toString('pem')}\n${ca.toString('pem')}\n`, sha256: sha256(new Uint8Array(certificate.rawData)) }
}

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
