import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { certificatePem } from '../software-mac/apple/authority.ts'
import { basicConstraints, buildCertificate, distinguishedName, keyUsage } from '../software-mac/apple/certificate-builder.ts'
import { objectIdentifier, sequence, set, utf8String } from '../software-mac/apple/der-writer.ts'

export const TOPIC = 'com.apple.mgmt.External.5b0c7e2a-0000-4000-8000-000000000001'
export const OTHER_TOPIC = 'com.apple.mgmt.External.5b0c7e2a-0000-4000-8000-000000000002'

export type PushPair = { certificate: string; key: KeyObject; keyPem: string; pem: Buffer }

export type PushPairOptions = {
  /** The UID of the subject; none for `undefined`. */
  topic?: string | undefined
  commonName?: string
  notBefore?: Date
  notAfter?: Date
  key?: KeyObject
  isCa?: boolean
  /** Whom to certify, where their private key is not here. */
  publicKey?: KeyObject
}

const DAY_MS = 24 * 3600_000
const wholeSeconds = (ms: number): Date => new Date(Math.floor(ms / 1000) * 1000)

let sharedKey: KeyObject | undefined
/** One key for all tests of a file that do not ask for more: RSA keys take long to make. */
export function rsaKey(): KeyObject {
  sharedKey ??= generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  return sharedKey
}

/** Who stands in for Apple's push service CA: issues push certificates, each of which a test can make wrong in one way. */
export function createPushAuthority(organization = 'Apple Inc.') {
  const signer = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const name = distinguishedName(['C', 'US'], ['O', organization], ['CN', 'Test Push Services CA'])
  const build = (options: {
    subject: Uint8Array
    key: KeyObject
    publicKey?: KeyObject
    notBefore: Date
    notAfter: Date
    isCa: boolean
  }): string =>
    certificatePem(
      buildCertificate({
        serialNumber: BigInt(`0x01${randomBytes(14).toString('hex')}`),
        issuer: name,
        subject: options.subject,
        notBefore: options.notBefore,
        notAfter: options.notAfter,
        spki: new Uint8Array((options.publicKey ?? createPublicKey(options.key)).export({ type: 'spki', format: 'der' })),
        extensions: [basicConstraints(options.isCa), keyUsage(options.isCa ? 0x06 : 0x80)],
        signer,
        hash: 'sha256',
      }),
    )
  const dates = { notBefore: wholeSeconds(Date.now() - DAY_MS), notAfter: wholeSeconds(Date.now() + 365 * DAY_MS) }
  const issue = (options: PushPairOptions = {}): PushPair => {
    const key = options.key ?? rsaKey()
    const subject = subjectOf('topic' in options ? options.topic : TOPIC, options.commonName ?? 'APSP:5b0c7e2a')
    const certificate = build({ ...dates, isCa: false, ...options, subject, key })
    const keyPem = key.export({ type: 'pkcs8', format: 'pem' }).toString()
    return { certificate, key, keyPem, pem: Buffer.from(certificate + keyPem) }
  }
  return { caPem: build({ subject: name, key: signer, ...dates, isCa: true }), issue }
}

function subjectOf(topic: string | undefined, commonName: string): Uint8Array {
  const uid = topic === undefined ? [] : [set(sequence(objectIdentifier('0.9.2342.19200300.100.1.1'), utf8String(topic)))]
  return sequence(...uid, set(sequence(objectIdentifier('2.5.4.3'), utf8String(commonName))))
}
