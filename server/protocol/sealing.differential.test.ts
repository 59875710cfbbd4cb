import { createDecipheriv, hkdfSync } from 'node:crypto'
import { Aes256Gcm, CipherSuite, HkdfSha256 } from '@hpke/core'
import { DhkemX25519HkdfSha256 } from '@hpke/dhkem-x25519'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat, fromHex, utf8 } from './bytes.ts'
import { chunkAad, DIRECTION } from './chunk-order.ts'
import { generateSealingKeyPair, openRequestWith, sealRequestTo } from './sealing.ts'

/** @hpke/core, a second implementation, is the other party here: what one seals the other opens, both ways. */
const other = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() })

const DIGEST = '5e'.repeat(32)
const info = buffer(concat(utf8('espalier/1 request'), Uint8Array.of(0), fromHex(DIGEST) as Uint8Array))
const exportContext = buffer(utf8('espalier/1 response'))
const chunks = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 4 })

function buffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer
}

/** Opens the only chunk of a response by the letter of RFC 9458 §4.4, with the exported secret of the second implementation. */
function openResponse(secret: ArrayBuffer, enc: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  const salt = concat(enc, ciphertext.subarray(0, 32))
  const key = new Uint8Array(hkdfSync('sha256', new Uint8Array(secret), salt, 'key', 32))
  const nonce = new Uint8Array(hkdfSync('sha256', new Uint8Array(secret), salt, 'nonce', 12))
  const decipher = createDecipheriv('aes-256-gcm', key, nonce)
  decipher.setAAD(chunkAad(DIRECTION.response, 0, true)).setAuthTag(ciphertext.subarray(-16))
  return new Uint8Array(concat(decipher.update(ciphertext.subarray(32, -16)), decipher.final()))
}

test('the second implementation opens what we seal, and its response keys are ours', async () => {
  const recipient = await other.kem.generateKeyPair()
  const publicKey = new Uint8Array(await other.kem.serializePublicKey(recipient.publicKey))
  await fc.assert(
    fc.asyncProperty(chunks, async (plaintexts) => {
      const sealer = await sealRequestTo({ publicKey, digest: DIGEST })
      const context = await other.createRecipientContext({ recipientKey: recipient, enc: buffer(sealer.enc), info })
      for (const [i, plaintext] of plaintexts.entries()) {
        const final = i === plaintexts.length - 1
        const ciphertext = await sealer.seal(plaintext, final)
        const opened = await context.open(buffer(ciphertext), buffer(chunkAad(DIRECTION.request, i, final)))
        expect(new Uint8Array(opened)).toEqual(plaintext)
      }
      expect((await context.export(exportContext, 32)).byteLength).toBe(32)
    }),
    { numRuns: 15 },
  )
})

test('we open what the second implementation seals, and it reads our response', async () => {
  const key = await generateSealingKeyPair()
  const recipientPublicKey = await other.kem.deserializePublicKey(buffer(key.publicKey))
  await fc.assert(
    fc.asyncProperty(chunks, async (plaintexts) => {
      const sender = await other.createSenderContext({ recipientPublicKey, info })
      const enc = new Uint8Array(sender.enc)
      const opener = await openRequestWith(key, { digest: DIGEST, enc })
      for (const [sequence, plaintext] of plaintexts.entries()) {
        const final = sequence === plaintexts.length - 1
        const sealed = await sender.seal(buffer(plaintext), buffer(chunkAad(DIRECTION.request, sequence, final)))
        expect(await opener.open({ sequence, final, ciphertext: new Uint8Array(sealed) })).toEqual(plaintext)
      }
      const secret = await sender.export(exportContext, 32)
      expect(openResponse(secret, enc, opener.sealResponse().seal(utf8('answer'), true))).toEqual(utf8('answer'))
    }),
    { numRuns: 15 },
  )
})
