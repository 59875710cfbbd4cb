import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'
import { expand, extract } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { concat, u64, utf8 } from './bytes.ts'
import { chunkAad, createChunkOrder, DIRECTION, type Received } from './chunk-order.ts'

/** Sealed responses: the construction of RFC 9458 §4.4, chunked. Synchronous, because one is made for every token. */

/** max(Nk, Nn) of AES-256-GCM (RFC 9458 §4.4 step 2). */
export const RESPONSE_NONCE_BYTES = 32
const TAG_BYTES = 16

export interface ResponseSealer {
  /** Seals the next chunk; the first ciphertext is preceded by the response nonce. */
  seal(plaintext: Uint8Array, final: boolean): Uint8Array
}

export interface ResponseOpener {
  open(chunk: Received): Uint8Array
  /** Throws `truncated` unless the final chunk was opened. */
  end(): void
}

/** What both sides hold after the request: the exported secret and the request's encapsulated key. */
export type ResponseSecret = { secret: Uint8Array; enc: Uint8Array }

/** A KeyObject, because Node takes five times as long for a cipher whose key comes as bytes. */
type ResponseKey = { key: KeyObject; nonce: Uint8Array }

/** RFC 9458 §4.4 steps 3–6: salt = enc ‖ response nonce. */
function deriveResponseKey({ secret, enc }: ResponseSecret, responseNonce: Uint8Array): ResponseKey {
  const prk = extract(sha256, secret, concat(enc, responseNonce))
  return { key: createSecretKey(expand(sha256, prk, utf8('key'), 32)), nonce: expand(sha256, prk, utf8('nonce'), 12) }
}

/** The AEAD nonce XOR the sequence, as HPKE does it (RFC 9180 §5.2). */
function chunkNonce(base: Uint8Array, sequence: number): Uint8Array {
  const nonce = base.slice()
  const counter = u64(sequence)
  for (let i = 0; i < counter.length; i++) nonce[i + 4] = (nonce[i + 4] as number) ^ (counter[i] as number)
  return nonce
}

export function createResponseSealer(secret: ResponseSecret, responseNonce: Uint8Array): ResponseSealer {
  if (responseNonce.length !== RESPONSE_NONCE_BYTES) throw new TypeError('a response nonce has 32 bytes')
  const { key, nonce } = deriveResponseKey(secret, responseNonce)
  const order = createChunkOrder()
  return {
    seal(plaintext, final) {
      const sequence = order.place(final)
      const cipher = createCipheriv('aes-256-gcm', key, chunkNonce(nonce, sequence))
      cipher.setAAD(chunkAad(DIRECTION.response, sequence, final))
      const sealed = concat(cipher.update(plaintext), cipher.final(), cipher.getAuthTag())
      return sequence === 0 ? concat(responseNonce, sealed) : sealed
    },
  }
}

export function createResponseOpener(secret: ResponseSecret): ResponseOpener {
  const order = createChunkOrder()
  let keys: ResponseKey | undefined
  return {
    open(chunk) {
      order.admit(chunk)
      let sealed = chunk.ciphertext
      if (keys === undefined) {
        if (sealed.length < RESPONSE_NONCE_BYTES) throw order.fail('malformed')
        keys = deriveResponseKey(secret, sealed.subarray(0, RESPONSE_NONCE_BYTES))
        sealed = sealed.subarray(RESPONSE_NONCE_BYTES)
      }
      if (sealed.length < TAG_BYTES) throw order.fail('malformed')
      try {
        return openChunk(keys, { ...chunk, ciphertext: sealed })
      } catch (cause) {
        throw order.fail('open_failed', cause)
      }
    },
    end: () => order.end(),
  }
}

function openChunk({ key, nonce }: ResponseKey, { ciphertext, sequence, final }: Received): Uint8Array {
  const decipher = createDecipheriv('aes-256-gcm', key, chunkNonce(nonce, sequence), { authTagLength: TAG_BYTES })
  decipher.setAAD(chunkAad(DIRECTION.response, sequence, final))
  decipher.setAuthTag(ciphertext.subarray(-TAG_BYTES))
  const plaintext = decipher.update(ciphertext.subarray(0, -TAG_BYTES))
  return concat(plaintext, decipher.final())
}
