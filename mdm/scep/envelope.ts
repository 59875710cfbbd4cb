import { constants, createCipheriv, createDecipheriv, type KeyObject, privateDecrypt, publicEncrypt, X509Certificate } from 'node:crypto'
import { Constructed, fromBER, Integer, Null, ObjectIdentifier, OctetString, Primitive, Sequence, Set as SetOf } from 'asn1js'
import { Certificate, ContentInfo, EnvelopedData, IssuerAndSerialNumber, KeyTransRecipientInfo } from 'pkijs'

const ID_DATA = '1.2.840.113549.1.7.1'
const ID_ENVELOPED_DATA = '1.2.840.113549.1.7.3'
const RSA_ENCRYPTION = '1.2.840.113549.1.1.1'

export type Cipher = { name: 'aes-128-cbc' | 'aes-192-cbc' | 'aes-256-cbc'; oid: string; keyBytes: number }

/** No DES: GetCACaps announces AES, and a client that does not know it is refused. */
const CIPHERS: readonly Cipher[] = [
  { name: 'aes-128-cbc', oid: '2.16.840.1.101.3.4.1.2', keyBytes: 16 },
  { name: 'aes-192-cbc', oid: '2.16.840.1.101.3.4.1.22', keyBytes: 24 },
  { name: 'aes-256-cbc', oid: '2.16.840.1.101.3.4.1.42', keyBytes: 32 },
]

/**
 * Opens EnvelopedData (RFC 5652 §6) that was encrypted to this RSA certificate alone. Undefined for whatever fails, however it fails:
 * OpenSSL answers bad PKCS #1 padding with random bytes (implicit rejection), so that nobody learns about the padding here.
 */
export function openEnvelope(
  der: Uint8Array,
  recipient: { certificate: Uint8Array; privateKey: KeyObject },
): { content: Uint8Array; cipher: Cipher } | undefined {
  try {
    const { encryptedKey, cipher, iv, encrypted } = parseEnvelope(der, recipient.certificate)
    const key = privateDecrypt({ key: recipient.privateKey, padding: constants.RSA_PKCS1_PADDING }, encryptedKey)
    if (key.length !== cipher.keyBytes) return undefined
    const decipher = createDecipheriv(cipher.name, key, iv)
    return { content: new Uint8Array(Buffer.concat([decipher.update(encrypted), decipher.final()])), cipher }
  } catch {
    return undefined
  }
}

function parseEnvelope(der: Uint8Array, certificate: Uint8Array) {
  const parsed = fromBER(new Uint8Array(der))
  if (parsed.offset !== der.length) throw new Error('not one ASN.1 value')
  const info = new ContentInfo({ schema: parsed.result })
  if (info.contentType !== ID_ENVELOPED_DATA) throw new Error('no EnvelopedData')
  const enveloped = new EnvelopedData({ schema: info.content })
  const [recipient, ...others] = enveloped.recipientInfos
  const transport = recipient?.value
  if (others.length > 0 || !(transport instanceof KeyTransRecipientInfo)) throw new Error('not one RSA recipient')
  if (transport.keyEncryptionAlgorithm.algorithmId !== RSA_ENCRYPTION) throw new Error('not RSA PKCS #1')
  if (!isNamed(transport.rid, certificate)) throw new Error('encrypted to somebody else')
  const { contentEncryptionAlgorithm: algorithm } = enveloped.encryptedContentInfo
  const cipher = CIPHERS.find(({ oid }) => oid === algorithm.algorithmId)
  if (cipher === undefined) throw new Error('no AES-CBC')
  const iv = (algorithm.algorithmParams as OctetString).valueBlock.valueHexView
  return {
    encryptedKey: transport.encryptedKey.valueBlock.valueHexView,
    cipher,
    iv,
    encrypted: new Uint8Array(enveloped.encryptedContentInfo.getEncryptedContent()),
  }
}

function isNamed(rid: unknown, certificate: Uint8Array): boolean {
  const own = new Certificate({ schema: fromBER(new Uint8Array(certificate)).result })
  return rid instanceof IssuerAndSerialNumber && rid.issuer.isEqual(own.issuer) && rid.serialNumber.isEqual(own.serialNumber)
}

/** EnvelopedData (DER) for one RSA certificate. */
export function sealEnvelope(
  content: Uint8Array,
  options: { recipient: Uint8Array; cipher: Cipher; random: (bytes: number) => Uint8Array },
): Uint8Array {
  const { cipher, random } = options
  const [key, iv] = [random(cipher.keyBytes), random(16)]
  const cipherText = createCipheriv(cipher.name, key, iv)
  const encrypted = Buffer.concat([cipherText.update(content), cipherText.final()])
  const recipient = new Certificate({ schema: fromBER(new Uint8Array(options.recipient)).result })
  const { publicKey } = new X509Certificate(options.recipient)
  const encryptedKey = publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_PADDING }, key)
  const algorithm = (oid: string, parameters: Null | OctetString) =>
    new Sequence({ value: [new ObjectIdentifier({ value: oid }), parameters] })
  const named = new IssuerAndSerialNumber({ issuer: recipient.issuer, serialNumber: recipient.serialNumber }).toSchema()
  const transport = new Sequence({
    value: [
      new Integer({ value: 0 }),
      named,
      algorithm(RSA_ENCRYPTION, new Null()),
      new OctetString({ valueHex: new Uint8Array(encryptedKey) }),
    ],
  })
  const contentInfo = new Sequence({
    value: [
      new ObjectIdentifier({ value: ID_DATA }),
      algorithm(cipher.oid, new OctetString({ valueHex: new Uint8Array(iv) })),
      new Primitive({ idBlock: { tagClass: 3, tagNumber: 0 }, valueHex: new Uint8Array(encrypted) }),
    ],
  })
  const enveloped = new Sequence({ value: [new Integer({ value: 0 }), new SetOf({ value: [transport] }), contentInfo] })
  return contentInfoOf(ID_ENVELOPED_DATA, enveloped)
}

/** ContentInfo (RFC 5652 §3), DER. */
export function contentInfoOf(type: string, content: Sequence): Uint8Array {
  const explicit = new Constructed({ idBlock: { tagClass: 3, tagNumber: 0 }, value: [content] })
  return new Uint8Array(new Sequence({ value: [new ObjectIdentifier({ value: type }), explicit] }).toBER())
}
