import { createCipheriv, createHash, hkdfSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Aes256Gcm, CipherSuite, HkdfSha256 } from '@hpke/core'
import { DhkemX25519HkdfSha256 } from '@hpke/dhkem-x25519'

/**
 * Makes `server/protocol/sealing.vectors.json` from fixed inputs, with none of the code under test: the request by @hpke/core with a
 * fixed ephemeral key, the response by node:crypto. Run `node test/vectors/sealing.ts` to write the file anew; a test in
 * `server/protocol/sealing.test.ts` fails when the file is not what this makes.
 */
export type SealingVector = {
  name: string
  ikmRecipient: string
  ikmEphemeral: string
  privateKey: string
  publicKey: string
  digest: string
  enc: string
  request: Chunk[]
  exportedSecret: string
  responseNonce: string
  response: Chunk[]
}
type Chunk = { plaintext: string; final: boolean; ciphertext: string }

const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() })

const utf8 = (text: string): Buffer => Buffer.from(text)
const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()

const CASES = [
  { name: 'one chunk each way', request: ['{"model":"demo"}'], response: ['{"type":"finish"}'] },
  { name: 'three chunks, an empty one among them', request: ['first', '', 'third'], response: ['a', '', 'c'] },
  { name: 'an empty request and an empty response', request: [''], response: [''] },
  { name: 'more chunks than one byte counts', request: ['q'], response: Array.from({ length: 258 }, (_, i) => String(i)) },
]

export async function sealingVectors(): Promise<SealingVector[]> {
  return Promise.all(CASES.map((example) => makeVector(example)))
}

async function makeVector({ name, request, response }: (typeof CASES)[number]): Promise<SealingVector> {
  const ikmRecipient = sha256(`recipient of ${name}`)
  const ikmEphemeral = sha256(`ephemeral of ${name}`)
  const digest = sha256(`key configuration of ${name}`)
  const responseNonce = sha256(`response nonce of ${name}`)
  const recipient = await suite.kem.deriveKeyPair(toBuffer(ikmRecipient))
  const sender = await suite.createSenderContext({
    recipientPublicKey: recipient.publicKey,
    info: toBuffer(Buffer.concat([utf8('espalier/1 request'), Buffer.of(0), digest])),
    ekm: toBuffer(ikmEphemeral),
  })
  const enc = Buffer.from(sender.enc)
  const secret = Buffer.from(await sender.export(toBuffer(utf8('espalier/1 response')), 32))
  const requestChunks: Chunk[] = []
  for (const [i, text] of request.entries()) {
    const final = i === request.length - 1
    const ciphertext = await sender.seal(toBuffer(utf8(text)), toBuffer(aad(1, i, final)))
    requestChunks.push({ plaintext: utf8(text).toString('hex'), final, ciphertext: Buffer.from(ciphertext).toString('hex') })
  }
  return {
    name,
    ikmRecipient: ikmRecipient.toString('hex'),
    ikmEphemeral: ikmEphemeral.toString('hex'),
    privateKey: Buffer.from(await suite.kem.serializePrivateKey(recipient.privateKey)).toString('hex'),
    publicKey: Buffer.from(await suite.kem.serializePublicKey(recipient.publicKey)).toString('hex'),
    digest: digest.toString('hex'),
    enc: enc.toString('hex'),
    request: requestChunks,
    exportedSecret: secret.toString('hex'),
    responseNonce: responseNonce.toString('hex'),
    response: response.map((text, i) => sealResponse({ secret, enc, responseNonce }, i, text, i === response.length - 1)),
  }
}

type ResponseKeys = { secret: Buffer; enc: Buffer; responseNonce: Buffer }

/** RFC 9458 §4.4, with node's own HKDF (which extracts and expands in one call). */
function sealResponse({ secret, enc, responseNonce }: ResponseKeys, sequence: number, text: string, final: boolean): Chunk {
  const salt = Buffer.concat([enc, responseNonce])
  const key = Buffer.from(hkdfSync('sha256', secret, salt, 'key', 32))
  const nonce = Buffer.from(hkdfSync('sha256', secret, salt, 'nonce', 12))
  nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ sequence) >>> 0, 8)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(aad(2, sequence, final))
  const sealed = Buffer.concat([cipher.update(utf8(text)), cipher.final(), cipher.getAuthTag()])
  const ciphertext = sequence === 0 ? Buffer.concat([responseNonce, sealed]) : sealed
  return { plaintext: utf8(text).toString('hex'), final, ciphertext: ciphertext.toString('hex') }
}

function aad(direction: number, sequence: number, final: boolean): Buffer {
  const bytes = Buffer.alloc(10)
  bytes[0] = direction
  bytes.writeBigUInt64BE(BigInt(sequence), 1)
  bytes[9] = final ? 1 : 0
  return bytes
}

/** @hpke/core takes ArrayBuffers, and a Buffer may be a view of a shared pool. */
function toBuffer(bytes: Buffer): ArrayBuffer {
  return new Uint8Array(bytes).buffer
}

if (import.meta.main) {
  const file = fileURLToPath(new URL('../../server/protocol/sealing.vectors.json', import.meta.url))
  writeFileSync(file, `${JSON.stringify(await sealingVectors(), null, 1)}\n`)
}
