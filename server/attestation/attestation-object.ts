import { decode } from 'cborg'

/** An ACME attestation object of Apple's kind: {fmt: "apple", attStmt: {x5c: [leaf, …]}, authData?}. Source: draft-ietf-acme-device-attest, WebAuthn §8.8. */
export type ParsedAttestationObject =
  | { ok: true; chain: readonly Uint8Array[] }
  | { ok: false; reason: 'malformed' | 'unsupported_format'; detail: string }

/** Five certificates of 8 KiB and what stands around them. */
const MAX_BYTES = 48 * 1024

/** Parses strictly: canonical CBOR, no member beyond the known, nothing after it. Never throws. */
export function parseAttestationObject(bytes: Uint8Array): ParsedAttestationObject {
  if (bytes.length > MAX_BYTES) return malformed('too large')
  const value = decodeStrictly(bytes)
  if (!(value instanceof Map)) return malformed('not a CBOR map in its one strict form')
  const format: unknown = value.get('fmt')
  const statement: unknown = value.get('attStmt')
  // The decoder puts a replacement character where a text is not UTF-8 (RFC 8949 §5.3.1).
  if (typeof format !== 'string' || format.includes('\uFFFD')) return malformed('fmt is not a text')
  if (format !== 'apple') return { ok: false, reason: 'unsupported_format', detail: `the format is “${format.slice(0, 32)}”, not “apple”` }
  if (!hasOnly(value, ['fmt', 'attStmt', 'authData'])) return malformed('an unknown member')
  if (value.has('authData') && !(value.get('authData') instanceof Uint8Array)) return malformed('authData is not a byte string')
  if (!(statement instanceof Map) || !hasOnly(statement, ['x5c'])) return malformed('attStmt is not a map of x5c alone')
  const chain: unknown = statement.get('x5c')
  if (!Array.isArray(chain) || chain.length === 0 || !chain.every((item) => item instanceof Uint8Array)) {
    return malformed('x5c is not a list of byte strings')
  }
  return { ok: true, chain: chain.map((item: Uint8Array) => Uint8Array.from(item)) }
}

const malformed = (detail: string): ParsedAttestationObject => ({ ok: false, reason: 'malformed', detail })

const hasOnly = (map: Map<unknown, unknown>, keys: readonly string[]): boolean =>
  [...map.keys()].every((key) => typeof key === 'string' && keys.includes(key))

function decodeStrictly(bytes: Uint8Array): unknown {
  try {
    return decode(bytes, {
      strict: true,
      useMaps: true,
      rejectDuplicateMapKeys: true,
      allowIndefinite: false,
      allowUndefined: false,
      allowInfinity: false,
      allowNaN: false,
    })
  } catch {
    return undefined // whatever is wrong with it, nesting beyond the stack included, it is malformed
  }
}
