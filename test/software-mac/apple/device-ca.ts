import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto'
import { child, readDer } from '../mac/der-reader.ts'
import { certificatePem } from './authority.ts'
import { basicConstraints, distinguishedName, type Extension, keyUsage } from './certificate-builder.ts'
import { bitString, boolean, explicit, integer, objectIdentifier, octetString, sequence, time, tlv } from './der-writer.ts'

/**
 * In place of the Apple iPhone Device CA, which certifies the key with which a device signs its MachineInfo: RSA and SHA-1, and past
 * its own end since 2014, as the real one is.
 */
export type DeviceCa = { certificatePem: string; keyPem: string }

const NAME = distinguishedName(['C', 'US'], ['O', 'Espalier'], ['OU', 'Evaluation'], ['CN', 'Espalier Evaluation Device CA'])
const SHA1_WITH_RSA = sequence(objectIdentifier('1.2.840.113549.1.1.5'), tlv(0x05))
const DAY_MS = 24 * 3600_000

export function createDeviceCa(now: Date): DeviceCa {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const der = rsaCertificate({
    issuer: NAME,
    subject: NAME,
    notBefore: new Date(now.getTime() - 4000 * DAY_MS),
    notAfter: new Date(now.getTime() - 1000 * DAY_MS),
    spki: new Uint8Array(createPublicKey(privateKey).export({ type: 'spki', format: 'der' })),
    extensions: [basicConstraints(true), keyUsage(0x86)],
    signer: privateKey,
  })
  return { certificatePem: certificatePem(der), keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
}

/** For three years, as devices have them. */
export function issueDeviceCertificate(options: { ca: DeviceCa; spki: Uint8Array; serial: string; now: Date }): Uint8Array {
  const { ca, spki, serial, now } = options
  const issuer = child(child(readDer(new Uint8Array(new X509Certificate(ca.certificatePem).raw)), 0), 5).der
  return rsaCertificate({
    issuer,
    subject: distinguishedName(
      ['C', 'US'],
      ['O', 'Espalier'],
      ['OU', 'Evaluation Mac'],
      ['CN', `${serial}-${randomBytes(8).toString('hex').toUpperCase()}`],
    ),
    notBefore: new Date(now.getTime() - DAY_MS),
    notAfter: new Date(now.getTime() + 1095 * DAY_MS),
    spki,
    extensions: [basicConstraints(false), keyUsage(0xa0)],
    signer: createPrivateKey(ca.keyPem),
  })
}

type Spec = {
  issuer: Uint8Array
  subject: Uint8Array
  notBefore: Date
  notAfter: Date
  spki: Uint8Array
  extensions: Extension[]
  signer: KeyObject
}

function rsaCertificate({ issuer, subject, notBefore, notAfter, spki, extensions, signer }: Spec): Uint8Array {
  const tbs = sequence(
    explicit(0, integer(2)),
    integer(BigInt(`0x40${randomBytes(9).toString('hex')}`)),
    SHA1_WITH_RSA,
    issuer,
    sequence(time(notBefore), time(notAfter)),
    subject,
    spki,
    explicit(3, sequence(...extensions.map(extensionDer))),
  )
  return sequence(tbs, SHA1_WITH_RSA, bitString(sign('sha1', tbs, signer)))
}

const extensionDer = ({ oid, critical, value }: Extension) =>
  sequence(objectIdentifier(oid), ...(critical === true ? [boolean(true)] : []), octetString(value))
