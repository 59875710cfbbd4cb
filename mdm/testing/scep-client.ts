import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { ChallengePasswordAttribute, Pkcs10CertificateRequestGenerator, X509CertificateGenerator } from '@peculiar/x509'
import { fromBER, PrintableString, type Sequence } from 'asn1js'
import { Certificate, ContentInfo, SignedData } from 'pkijs'
import { openSignedMessage } from '../cms/verify-signature.ts'
import type { Issuer, Mdm } from '../ports.ts'
import { type Cipher, openEnvelope, sealEnvelope } from '../scep/envelope.ts'
import { bytes, MESSAGE_TYPE, PKI_STATUS, SENDER_NONCE, signMessage, TRANSACTION_ID, text } from '../scep/message.ts'

const RSA = { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1), hash: 'SHA-256' }
const AES: Cipher = { name: 'aes-128-cbc', oid: '2.16.840.1.101.3.4.1.2', keyBytes: 16 }

export type ScepRequest = {
  commonName: string
  challenge?: string | undefined
  /** Signs the message: the request's own key under a certificate that it made itself, unless a renewal or a test says otherwise. */
  signer?: Issuer
  type?: 'PKCSReq' | 'RenewalReq'
  /** What is encrypted in place of the request. */
  csr?: Uint8Array
  /** Whom it is encrypted to. */
  ca?: Uint8Array
  cipher?: Cipher
  keys?: webcrypto.CryptoKeyPair
}
export type ScepOutcome = { status: number; pkiStatus: string | undefined; identity: Issuer | undefined }

let keysInUse: Promise<webcrypto.CryptoKeyPair> | undefined
/** RSA keys take long to make; most requests may share one. */
export const newRsaKeys = () => webcrypto.subtle.generateKey(RSA, true, ['sign', 'verify'])

/** A SCEP client as small as it can be, which a test can also make behave badly. */
export async function requestCertificate(mdm: Mdm, request: ScepRequest): Promise<ScepOutcome> {
  keysInUse ??= newRsaKeys()
  const keys = request.keys ?? (await keysInUse)
  const ca = request.ca ?? (await mdm.handleScep(ask('GET', 'operation=GetCACert'))).body
  const signer = request.signer ?? (await selfSigned(keys))
  const csr = request.csr ?? (await certificateRequest(keys, request))
  const envelope = sealEnvelope(csr, { recipient: ca, cipher: request.cipher ?? AES, random })
  const message = await signMessage({
    signer,
    content: envelope,
    attributes: [
      text(MESSAGE_TYPE, request.type === 'RenewalReq' ? '17' : '19'),
      text(TRANSACTION_ID, 'transaction-1'),
      bytes(SENDER_NONCE, random(16)),
    ],
  })
  const reply = await mdm.handleScep(ask('POST', 'operation=PKIOperation', message))
  return { status: reply.status, ...(await readReply(reply.body, keys, signer)) }
}

export const ask = (method: string, query: string, body: Uint8Array = new Uint8Array()) => ({
  method,
  path: '/scep',
  query,
  headers: {},
  body,
})

const random = (length: number): Uint8Array => webcrypto.getRandomValues(new Uint8Array(length))

export async function selfSigned(keys: webcrypto.CryptoKeyPair): Promise<Issuer> {
  const certificate = await X509CertificateGenerator.createSelfSigned({ name: 'CN=requester', keys, signingAlgorithm: RSA })
  return { certificate: new Uint8Array(certificate.rawData), privateKey: keys.privateKey }
}

export async function certificateRequest(keys: webcrypto.CryptoKeyPair, about: { commonName: string; challenge?: string | undefined }) {
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [about.commonName] }],
    keys,
    signingAlgorithm: keys.privateKey.algorithm.name === 'ECDSA' ? { name: 'ECDSA', hash: 'SHA-384' } : RSA,
    attributes: about.challenge === undefined ? [] : [new ChallengePasswordAttribute(about.challenge)],
  })
  return new Uint8Array(request.rawData)
}

async function readReply(body: Uint8Array, keys: webcrypto.CryptoKeyPair, signer: Issuer): Promise<Omit<ScepOutcome, 'status'>> {
  const signed = openSignedMessage(body)
  if (!signed.ok) return { pkiStatus: undefined, identity: undefined }
  const value = signed.attributes.find(({ type }) => type === PKI_STATUS)?.values[0]
  const pkiStatus = value instanceof PrintableString ? value.valueBlock.value : undefined
  const { KeyObject } = await import('node:crypto')
  const opened = openEnvelope(signed.content, { certificate: signer.certificate, privateKey: KeyObject.from(signer.privateKey) })
  if (opened === undefined) return { pkiStatus, identity: undefined }
  const info = new ContentInfo({ schema: fromBER(new Uint8Array(opened.content)).result as Sequence })
  const [certificate] = new SignedData({ schema: info.content }).certificates ?? []
  if (!(certificate instanceof Certificate)) return { pkiStatus, identity: undefined }
  return { pkiStatus, identity: { certificate: new Uint8Array(certificate.toSchema().toBER()), privateKey: keys.privateKey } }
}
