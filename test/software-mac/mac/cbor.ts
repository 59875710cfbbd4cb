/** The little CBOR (RFC 8949) that an attestation object needs, in deterministic form: text, bytes, arrays, maps with text keys. */
export type Cbor = string | Uint8Array | Cbor[] | { [key: string]: Cbor }

export function encodeCbor(value: Cbor): Uint8Array {
  if (typeof value === 'string') return join(head(3, Buffer.byteLength(value)), Buffer.from(value))
  if (value instanceof Uint8Array) return join(head(2, value.length), value)
  if (Array.isArray(value)) return join(head(4, value.length), ...value.map(encodeCbor))
  // §4.2.1: keys in the order of their encodings
  const entries = Object.entries(value).map(([key, item]) => ({ key: encodeCbor(key), item: encodeCbor(item) }))
  entries.sort((a, b) => Buffer.compare(a.key, b.key))
  return join(head(5, entries.length), ...entries.flatMap(({ key, item }) => [key, item]))
}

function head(major: number, value: number): Uint8Array {
  const type = major << 5
  if (value < 24) return Uint8Array.of(type | value)
  if (value < 0x100) return Uint8Array.of(type | 24, value)
  if (value < 0x10000) return Uint8Array.of(type | 25, value >> 8, value & 0xff)
  return Uint8Array.of(type | 26, value >>> 24, (value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff)
}

const join = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts))
