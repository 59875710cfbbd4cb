import { constants, createCipheriv, publicEncrypt, randomBytes, X509Certificate } from 'node:crypto'
import { child, readDer } from '../mac/der-reader.ts'
import { explicit, integer, objectIdentifier, octetString, sequence, set, tlv } from './der-writer.ts'

const ENVELOPED_DATA = '1.2.840.113549.1.7.3'
const DATA = '1.2.840.113549.1.7.1'
const RSA_ENCRYPTION = '1.2.840.113549.1.1.1'
const CIPHERS = {
  'des-ede3-cbc': { oid: '1.2.840.113549.3.7', keyBytes: 24, blockBytes: 8 },
  'aes-256-cbc': { oid: '2.16.840.1.101.3.4.1.42', keyBytes: 32, blockBytes: 16 },
} as const

/** CMS EnvelopedData (RFC 5652 §6) to the RSA key of one certificate (DER): how Apple hands over server tokens and recovery keys. */
export function envelope(options: { content: Uint8Array; certificate: Uint8Array; cipher: keyof typeof CIPHERS }): Uint8Array {
  const { oid, keyBytes, blockBytes } = CIPHERS[options.cipher]
  const certificate = new X509Certificate(options.certificate)
  if (certificate.publicKey.asymmetricKeyType !== 'rsa') throw new RangeError('the certificate holds no RSA key')
  const key = randomBytes(keyBytes)
  const iv = randomBytes(blockBytes)
  const cipher = createCipheriv(options.cipher, key, iv)
  const encrypted = Buffer.concat([cipher.update(options.content), cipher.final()])
  const tbs = child(readDer(new Uint8Array(certificate.raw)), 0)
  const recipient = sequence(
    integer(0),
    sequence(child(tbs, 3).der, child(tbs, 1).der), // issuerAndSerialNumber
    sequence(objectIdentifier(RSA_ENCRYPTION), tlv(0x05)),
    octetString(publicEncrypt({ key: certificate.publicKey, padding: constants.RSA_PKCS1_PADDING }, key)),
  )
  const contentInfo = sequence(objectIdentifier(DATA), sequence(objectIdentifier(oid), octetString(iv)), tlv(0x80, encrypted))
  return sequence(objectIdentifier(ENVELOPED_DATA), explicit(0, sequence(integer(0), set(recipient), contentInfo)))
}
