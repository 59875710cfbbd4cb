import { Buffer } from 'node:buffer'
import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, randomUUID } from 'node:crypto'
import { certificatePem } from './authority.ts'
import { basicConstraints, buildCertificate, distinguishedName, type Extension, extendedKeyUsage, keyUsage } from './certificate-builder.ts'
import { objectIdentifier, printableString, sequence, set, tlv, utf8String } from './der-writer.ts'

export type PushCertificates = {
  /** Issues both certificates below. */
  caPem: string
  /** Of the APNs server on loopback. */
  serverCertPem: string
  serverKeyPem: string
  /** What identity.apple.com would issue to the customer: the topic is its subject's UID. */
  pushCertPem: string
  pushKeyPem: string
  topic: string
}

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const USER_ID = '0.9.2342.19200300.100.1.1'
const COMMON_NAME = '2.5.4.3'
const COUNTRY = '2.5.4.6'
const DAY_MS = 24 * 3600_000
const CA_NAME = distinguishedName(['CN', 'Espalier Evaluation Push Services CA'], ['O', 'Espalier'])

export function createPushCertificates(now: Date): PushCertificates {
  const uuid = randomUUID()
  const topic = `com.apple.mgmt.External.${uuid}`
  const ca = newKey()
  const issue = (options: { subject: Uint8Array; key: KeyObject; days: number; extensions: Extension[] }) =>
    certificatePem(
      buildCertificate({
        serialNumber: BigInt(`0x${randomBytes(15).toString('hex')}`),
        issuer: CA_NAME,
        subject: options.subject,
        notBefore: wholeSeconds(now.getTime() - DAY_MS),
        notAfter: wholeSeconds(now.getTime() + options.days * DAY_MS),
        spki: new Uint8Array(createPublicKey(options.key).export({ type: 'spki', format: 'der' })),
        extensions: options.extensions,
        signer: ca,
        hash: 'sha256',
      }),
    )
  const server = newKey()
  const push = newKey()
  return {
    caPem: issue({ subject: CA_NAME, key: ca, days: 3650, extensions: [basicConstraints(true), keyUsage(0x06)] }),
    serverCertPem: issue({
      subject: distinguishedName(['CN', 'localhost']),
      key: server,
      days: 3649,
      extensions: [basicConstraints(false), keyUsage(0x80), extendedKeyUsage(SERVER_AUTH), loopbackNames()],
    }),
    serverKeyPem: pem(server),
    // Apple's push certificates live one year.
    pushCertPem: issue({
      subject: pushSubject(topic, uuid),
      key: push,
      days: 365,
      extensions: [basicConstraints(false), keyUsage(0x80), extendedKeyUsage(CLIENT_AUTH)],
    }),
    pushKeyPem: pem(push),
    topic,
  }
}

const pushSubject = (topic: string, uuid: string) =>
  sequence(
    set(sequence(objectIdentifier(USER_ID), utf8String(topic))),
    set(sequence(objectIdentifier(COMMON_NAME), utf8String(`APSP:${uuid}`))),
    set(sequence(objectIdentifier(COUNTRY), printableString('US'))),
  )

/** RFC 5280 §4.2.1.6: dNSName is [2], iPAddress [7]. */
const loopbackNames = (): Extension => ({
  oid: '2.5.29.17',
  value: sequence(tlv(0x82, Buffer.from('localhost')), tlv(0x87, Uint8Array.of(127, 0, 0, 1))),
})

const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const pem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString()
const wholeSeconds = (ms: number) => new Date(Math.floor(ms / 1000) * 1000)
