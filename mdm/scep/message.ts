import { createHash } from 'node:crypto'
import { Constructed, fromBER, Integer, ObjectIdentifier, OctetString, PrintableString, Sequence, Set as SetOf } from 'asn1js'
import {
  Attribute,
  Certificate,
  EncapsulatedContentInfo,
  IssuerAndSerialNumber,
  SignedAndUnsignedAttributes,
  SignedData,
  SignerInfo,
} from 'pkijs'
import { openSignedMessage } from '../cms/verify-signature.ts'
import type { Issuer, RsaIssuer } from '../ports.ts'
import { type Cipher, contentInfoOf, openEnvelope } from './envelope.ts'

const ID_DATA = '1.2.840.113549.1.7.1'
const ID_SIGNED_DATA = '1.2.840.113549.1.7.2'
const ID_CONTENT_TYPE = '1.2.840.113549.1.9.3'
const ID_MESSAGE_DIGEST = '1.2.840.113549.1.9.4'

/** RFC 8894 §3.2.1: VeriSign's arc. */
export const MESSAGE_TYPE = '2.16.840.1.113733.1.9.2'
export const PKI_STATUS = '2.16.840.1.113733.1.9.3'
const FAIL_INFO = '2.16.840.1.113733.1.9.4'
export const SENDER_NONCE = '2.16.840.1.113733.1.9.5'
const RECIPIENT_NONCE = '2.16.840.1.113733.1.9.6'
export const TRANSACTION_ID = '2.16.840.1.113733.1.9.7'

const TYPES: Readonly<Record<string, 'RenewalReq' | 'PKCSReq'>> = { '17': 'RenewalReq', '19': 'PKCSReq' }
const MAX_TRANSACTION_ID = 256
const MAX_NONCE_BYTES = 64

export type PkiMessage = {
  type: 'PKCSReq' | 'RenewalReq'
  transactionId: string
  senderNonce: Uint8Array
  /** The certificate (DER) that signed the message: the requester's own, or the identity that is renewed. */
  signer: Uint8Array
  /** PKCS #10, DER. */
  csr: Uint8Array
  cipher: Cipher
}

/** pkiMessage (RFC 8894 §3.2): signature, then attributes, then the envelope. Undefined for whatever is not one. */
export function openPkiMessage(der: Uint8Array, ca: RsaIssuer): PkiMessage | undefined {
  const signed = openSignedMessage(der)
  if (!signed.ok) return undefined
  const type = TYPES[textIn(signed.attributes, MESSAGE_TYPE) ?? '']
  const transactionId = textIn(signed.attributes, TRANSACTION_ID) ?? ''
  const senderNonce = bytesIn(signed.attributes, SENDER_NONCE)
  if (type === undefined || transactionId === '' || transactionId.length > MAX_TRANSACTION_ID) return undefined
  if (senderNonce === undefined || senderNonce.length > MAX_NONCE_BYTES) return undefined
  const opened = openEnvelope(signed.content, ca)
  if (opened === undefined) return undefined
  return { type, transactionId, senderNonce, signer: signed.certificate, csr: opened.content, cipher: opened.cipher }
}

function valueIn(attributes: readonly Attribute[], type: string): unknown {
  const [found, ...others] = attributes.filter((attribute) => attribute.type === type)
  return others.length > 0 || found?.values.length !== 1 ? undefined : found.values[0]
}

function textIn(attributes: readonly Attribute[], type: string): string | undefined {
  const value = valueIn(attributes, type)
  return value instanceof PrintableString ? value.valueBlock.value : undefined
}

function bytesIn(attributes: readonly Attribute[], type: string): Uint8Array | undefined {
  const value = valueIn(attributes, type)
  return value instanceof OctetString ? value.valueBlock.valueHexView : undefined
}

/** RFC 8894 §3.2.1.4: why a request failed. */
export const FAIL = { badMessageCheck: '1', badRequest: '2' } as const

/** CertRep (RFC 8894 §3.3.2), signed by the CA. Success carries the envelope, failure its reason. */
export async function certRep(options: {
  ca: Issuer
  request: Pick<PkiMessage, 'transactionId' | 'senderNonce'>
  result: { envelope: Uint8Array } | { failInfo: (typeof FAIL)[keyof typeof FAIL] }
  random: (bytes: number) => Uint8Array
}): Promise<Uint8Array> {
  const { ca, request, result } = options
  const content = 'envelope' in result ? result.envelope : new Uint8Array()
  return signMessage({
    signer: ca,
    content,
    attributes: [
      text(MESSAGE_TYPE, '3'),
      text(PKI_STATUS, 'envelope' in result ? '0' : '2'),
      ...('failInfo' in result ? [text(FAIL_INFO, result.failInfo)] : []),
      text(TRANSACTION_ID, request.transactionId),
      bytes(SENDER_NONCE, options.random(16)),
      bytes(RECIPIENT_NONCE, request.senderNonce),
    ],
  })
}

export const text = (type: string, value: string) => new Attribute({ type, values: [new PrintableString({ value })] })
export const bytes = (type: string, value: Uint8Array) =>
  new Attribute({ type, values: [new OctetString({ valueHex: new Uint8Array(value) })] })

/** SignedData around `content`, with these attributes beside the two that CMS asks for. */
export async function signMessage(options: { signer: Issuer; content: Uint8Array; attributes: Attribute[] }): Promise<Uint8Array> {
  const { signer, content } = options
  const attributes = [
    new Attribute({ type: ID_CONTENT_TYPE, values: [new ObjectIdentifier({ value: ID_DATA })] }),
    bytes(ID_MESSAGE_DIGEST, createHash('sha256').update(content).digest()),
    ...options.attributes,
  ]
  const certificate = new Certificate({ schema: fromBER(new Uint8Array(signer.certificate)).result })
  const sid = new IssuerAndSerialNumber({ issuer: certificate.issuer, serialNumber: certificate.serialNumber })
  const signedAttrs = new SignedAndUnsignedAttributes({ type: 0, attributes: inOrder(attributes) })
  const signed = new SignedData({
    version: 1,
    encapContentInfo: new EncapsulatedContentInfo({ eContentType: ID_DATA }),
    signerInfos: [new SignerInfo({ version: 1, sid, signedAttrs })],
    certificates: [certificate],
  })
  // Set after construction: the constructor would split it into an indefinite-length (BER) octet string. A refusal has none.
  if (content.length > 0) signed.encapContentInfo.eContent = new OctetString({ valueHex: new Uint8Array(content) })
  await signed.sign(signer.privateKey, 0, 'SHA-256', new Uint8Array(content))
  return contentInfoOf(ID_SIGNED_DATA, signed.toSchema(true))
}

/** DER of a SET OF (X.690 §11.6). Some readers encode the attributes anew before they check the signature over them. */
function inOrder(attributes: readonly Attribute[]): Attribute[] {
  const encoded = (attribute: Attribute) => Buffer.from(attribute.toSchema().toBER())
  return attributes.toSorted((a, b) => Buffer.compare(encoded(a), encoded(b)))
}

/** SignedData that signs nothing and carries certificates (RFC 8894 §3.4). */
export function certificatesOnly(certificates: readonly Uint8Array[]): Uint8Array {
  const degenerate = new Sequence({
    value: [
      new Integer({ value: 1 }),
      new SetOf({ value: [] }),
      new Sequence({ value: [new ObjectIdentifier({ value: ID_DATA })] }),
      new Constructed({
        idBlock: { tagClass: 3, tagNumber: 0 },
        value: certificates.map((certificate) => fromBER(new Uint8Array(certificate)).result),
      }),
      new SetOf({ value: [] }),
    ],
  })
  return contentInfoOf(ID_SIGNED_DATA, degenerate)
}
