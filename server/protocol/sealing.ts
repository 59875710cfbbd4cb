import type { CryptoKey, KeyPair, RecipientContext } from 'hpke'
import { concat, fromHex, utf8 } from './bytes.ts'
import { type ChunkOrder, chunkAad, createChunkOrder, DIRECTION, type Received } from './chunk-order.ts'
import { randomBytes } from './ids.ts'
import { SealingError } from './sealing-error.ts'
import {
  createResponseOpener,
  createResponseSealer,
  RESPONSE_NONCE_BYTES,
  type ResponseOpener,
  type ResponseSealer,
  type ResponseSecret,
} from './sealing-response.ts'
import { SUITE, suite } from './sealing-suite.ts'

/**
 * "sealed/1" (DESIGN §6): a request sealed to one agent process, and its response sealed back. HPKE base mode (RFC 9180) for the
 * request, the RFC 9458 §4.4 construction for the response, both chunked. Errors are SealingErrors; after the first one an opener
 * is dead.
 */
export type { Received, ResponseOpener, ResponseSealer }
export { SealingError, SUITE }

const EXPORT_CONTEXT = utf8('espalier/1 response')
const EXPORT_BYTES = 32
const SHA256_BYTES = 32

/** The private half lives in memory only and cannot be exported. */
export type SealingKeyPair = { publicKey: Uint8Array; privateKey: KeyPair<CryptoKey> }

export async function generateSealingKeyPair(): Promise<SealingKeyPair> {
  const privateKey = await suite.GenerateKeyPair(false)
  return { publicKey: await suite.SerializePublicKey(privateKey.publicKey), privateKey }
}

export interface RequestSealer {
  /** HPKE's encapsulated key, sent ahead of the chunks. */
  readonly enc: Uint8Array
  /** Seals the next chunk. Calls may overlap; chunks are numbered in the order of the calls. */
  seal(plaintext: Uint8Array, final: boolean): Promise<Uint8Array>
  openResponse(): ResponseOpener
}

export interface RequestOpener {
  /** Opens the next chunk, one at a time. */
  open(chunk: Received): Promise<Uint8Array>
  /** Throws `truncated` unless the final chunk was opened. */
  end(): void
  /** Only for a request that was opened to its end: throws like `end` otherwise. */
  sealResponse(): ResponseSealer
}

/** info = "espalier/1 request" ‖ 0 ‖ SHA-256(key configuration): whoever was shown another configuration cannot even decrypt. */
function requestInfo(digest: string): Uint8Array {
  const bytes = fromHex(digest)
  if (bytes?.length !== SHA256_BYTES) throw new SealingError('malformed')
  return concat(utf8('espalier/1 request'), Uint8Array.of(0), bytes)
}

/** Begins a request sealed to the key of one key configuration, whose SHA-256 (hex) is `digest`. */
export async function sealRequestTo(config: { publicKey: Uint8Array; digest: string }): Promise<RequestSealer> {
  const info = requestInfo(config.digest)
  const { encapsulatedSecret: enc, ctx } = await setUp('malformed', async () =>
    suite.SetupSender(await suite.DeserializePublicKey(config.publicKey), { info }),
  )
  const responseSecret = { secret: await ctx.Export(EXPORT_CONTEXT, EXPORT_BYTES), enc }
  const order = createChunkOrder()
  return {
    enc,
    // The context numbers its messages in the order of the calls too: it queues them under a lock.
    seal: async (plaintext, final) => ctx.Seal(plaintext, chunkAad(DIRECTION.request, order.place(final), final)),
    openResponse: () => createResponseOpener(responseSecret),
  }
}

/** Begins to open a request that names our key configuration by `digest`; a wrong digest, key or `enc` fails at the first chunk at latest. */
export async function openRequestWith(key: SealingKeyPair, head: { digest: string; enc: Uint8Array }): Promise<RequestOpener> {
  const info = requestInfo(head.digest)
  const enc = head.enc.slice()
  const context = await setUp('open_failed', () => suite.SetupRecipient(key.privateKey, enc, { info }))
  return createRequestOpener(context, { secret: await context.Export(EXPORT_CONTEXT, EXPORT_BYTES), enc })
}

function createRequestOpener(context: RecipientContext, responseSecret: ResponseSecret): RequestOpener {
  const order = createChunkOrder()
  let opened = 0
  function end(): void {
    order.end()
    if (opened < order.placed()) throw order.fail('truncated')
  }
  return {
    async open(chunk) {
      order.admit(chunk)
      const plaintext = await openChunk(context, order, chunk)
      opened++
      return plaintext
    },
    end,
    sealResponse() {
      end()
      return createResponseSealer(responseSecret, randomBytes(RESPONSE_NONCE_BYTES))
    },
  }
}

async function openChunk(context: RecipientContext, order: ChunkOrder, { ciphertext, sequence, final }: Received): Promise<Uint8Array> {
  try {
    return await context.Open(ciphertext, chunkAad(DIRECTION.request, sequence, final))
  } catch (cause) {
    throw order.fail('open_failed', cause)
  }
}

/** Every way in which a peer's key or encapsulation can be unusable (wrong length, low order point) is one refusal. */
async function setUp<T>(code: SealingError['code'], begin: () => Promise<T>): Promise<T> {
  try {
    return await begin()
  } catch (cause) {
    throw new SealingError(code, cause)
  }
}
