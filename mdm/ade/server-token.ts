import { createPrivateKey } from 'node:crypto'
import forge from 'node-forge'
import { z } from 'zod'
import { AdeFault } from './ade-fault.ts'

/** What Apple Business gives a server to sign in with (OAuth 1.0a); good for a year. All but the expiry is secret. */
export type ServerToken = {
  consumerKey: string
  consumerSecret: string
  accessToken: string
  accessSecret: string
  expiresAt: Date
}

/** Apple's file is about 4 KB. */
const MAX_FILE_BYTES = 64 * 1024

const Word = z.string().min(1).max(512)
const Message = z.object({
  consumer_key: Word,
  consumer_secret: Word,
  access_token: Word,
  access_secret: Word,
  access_token_expiry: z.iso.datetime({ offset: true }),
})

/**
 * Opens the `.p7m` file of Apple Business: S/MIME enveloped-data (RFC 8551), RSA, to the key whose certificate was uploaded there.
 * Inside stands a MIME text with a JSON message. Throws an AdeFault.
 */
export function openServerToken(file: Uint8Array, key: { pkcs8: Uint8Array; certificatePem: string }, now: Date): ServerToken {
  const message = Message.safeParse(readMessage(decrypt(readEnvelope(file), key)))
  if (!message.success) throw new AdeFault('TOKEN_INCOMPLETE', 'The token file leaves out what signing in to Apple needs.')
  const expiresAt = new Date(message.data.access_token_expiry)
  if (expiresAt <= now) throw new AdeFault('TOKEN_EXPIRED', `The token expired at ${expiresAt.toISOString()}.`)
  return {
    consumerKey: message.data.consumer_key,
    consumerSecret: message.data.consumer_secret,
    accessToken: message.data.access_token,
    accessSecret: message.data.access_secret,
    expiresAt,
  }
}

type Envelope = forge.pkcs7.Captured<forge.pkcs7.PkcsEnvelopedData>

/** DER or BER as it is, or in base64 under MIME headers. */
function readEnvelope(file: Uint8Array): Envelope {
  if (file.length > MAX_FILE_BYTES) throw new AdeFault('TOKEN_FILE_MALFORMED', 'The file is larger than any token of Apple’s.')
  const bytes = file[0] === 0x30 ? Buffer.from(file) : fromMime(Buffer.from(file).toString('latin1'))
  try {
    const message = forge.pkcs7.messageFromAsn1(forge.asn1.fromDer(bytes.toString('latin1')))
    if (!('findRecipient' in message)) throw new TypeError('not enveloped data')
    return message
  } catch (cause) {
    throw new AdeFault('TOKEN_FILE_MALFORMED', 'This is not a token file of Apple Business (.p7m).', { cause })
  }
}

function fromMime(text: string): Buffer {
  const body = text.slice(Math.max(0, text.search(/\r?\n\r?\n/))).replace(/\s+/g, '')
  const bytes = Buffer.from(body, 'base64')
  if (bytes.length === 0 || bytes.toString('base64') !== body) {
    throw new AdeFault('TOKEN_FILE_MALFORMED', 'This is not a token file of Apple Business (.p7m).')
  }
  return bytes
}

function decrypt(envelope: Envelope, { pkcs8, certificatePem }: { pkcs8: Uint8Array; certificatePem: string }): string {
  const key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })
  const recipient = envelope.findRecipient(forge.pki.certificateFromPem(certificatePem))
  if (recipient === null) {
    throw new AdeFault('TOKEN_FOR_OTHER_KEY', 'This token was made for another public key. Upload the present one to Apple Business first.')
  }
  try {
    envelope.decrypt(recipient, forge.pki.privateKeyFromPem(key.export({ format: 'pem', type: 'pkcs1' }).toString()))
    return String(envelope.content?.toString() ?? '')
  } catch (cause) {
    throw new AdeFault('TOKEN_FILE_MALFORMED', 'The token file is damaged.', { cause })
  }
}

const MESSAGE = /-----BEGIN MESSAGE-----\s*([\s\S]*?)\s*-----END MESSAGE-----/

function readMessage(text: string): unknown {
  try {
    return JSON.parse(MESSAGE.exec(text)?.[1] ?? '')
  } catch (cause) {
    throw new AdeFault('TOKEN_FILE_MALFORMED', 'The token file holds no message of Apple Business.', { cause })
  }
}
