import { concat, u32, utf8 } from './bytes.ts'
import type { RequestId } from './ids.ts'

/**
 * Binary frames of the agent's WebSocket, both directions:
 *
 *   u8  kind        1 = request chunk (coordinator → agent), 2 = response chunk (agent → coordinator)
 *   u8  flags       bit 0 = final chunk; other bits must be zero
 *   u8  idLength    length of the request id
 *   …   id          ASCII
 *   u32 sequence    0, 1, 2, … within the request and direction
 *   …   ciphertext  to the end of the message
 *
 * In response chunk 0 the ciphertext is preceded by the 32-byte response nonce (sealing.ts).
 */
export const DATA_KIND = { requestChunk: 1, responseChunk: 2 } as const
export type DataKind = (typeof DATA_KIND)[keyof typeof DATA_KIND]

export type DataFrame = { kind: DataKind; request: RequestId; sequence: number; final: boolean; ciphertext: Uint8Array }

const FINAL = 1
const MAX_ID_LENGTH = 64
const ID = /^req_[0-9a-z]{16,32}$/

export function encodeDataFrame(frame: DataFrame): Uint8Array {
  const id = utf8(frame.request)
  return concat(Uint8Array.of(frame.kind, frame.final ? FINAL : 0, id.length), id, u32(frame.sequence), frame.ciphertext)
}

/** Undefined for anything that is not exactly one well-formed data frame. */
export function decodeDataFrame(bytes: Uint8Array): DataFrame | undefined {
  const [kind, flags, idLength] = bytes
  if (kind !== DATA_KIND.requestChunk && kind !== DATA_KIND.responseChunk) return undefined
  if (flags === undefined || (flags & ~FINAL) !== 0) return undefined
  if (idLength === undefined || idLength > MAX_ID_LENGTH || bytes.length < 3 + idLength + 4) return undefined
  const request = Buffer.from(bytes.buffer, bytes.byteOffset + 3, idLength).toString('latin1')
  if (!ID.test(request)) return undefined
  const sequence = new DataView(bytes.buffer, bytes.byteOffset).getUint32(3 + idLength)
  return { kind, request: request as RequestId, sequence, final: (flags & FINAL) !== 0, ciphertext: bytes.subarray(3 + idLength + 4) }
}
