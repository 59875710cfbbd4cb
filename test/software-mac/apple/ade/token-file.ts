import { X509Certificate } from 'node:crypto'
import { envelope } from '../cms-envelope.ts'

/** What a server signs in with, as Apple's JSON names it. */
export type ServerToken = {
  consumer_key: string
  consumer_secret: string
  access_token: string
  access_secret: string
  /** ISO 8601. */
  access_token_expiry: string
}

/** The `.p7m` that Apple Business offers for download: S/MIME enveloped-data (RFC 8551 §3.3), encrypted to the uploaded certificate. */
export function tokenFile(token: ServerToken, certificatePem: string): Uint8Array {
  const message = `Content-Type: text/plain;charset=UTF-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n-----BEGIN MESSAGE-----\r\n${JSON.stringify(token)}\r\n-----END MESSAGE-----\r\n`
  const certificate = new Uint8Array(new X509Certificate(certificatePem).raw)
  const der = envelope({ content: Buffer.from(message), certificate, cipher: 'des-ede3-cbc' })
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return Buffer.from(`${HEADERS}\r\n\r\n${lines.join('\r\n')}\r\n`)
}

const HEADERS = [
  'Content-Type: application/pkcs7-mime; name="smime.p7m"; smime-type=enveloped-data',
  'Content-Transfer-Encoding: base64',
  'Content-Disposition: attachment; filename="smime.p7m"',
  'Content-Description: S/MIME Encrypted Message',
].join('\r\n')
