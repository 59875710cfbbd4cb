import { readBinaryPlist } from './binary.ts'
import { PlistFault, type PlistFaultCode } from './fault.ts'
import type { PlistDict, PlistValue } from './value.ts'
import { readXmlPlist } from './xml.ts'

/** No message of a Mac comes near it; an attestation reply is about 8 KiB. */
export const MAX_PLIST_BYTES = 1024 * 1024

type Refused = { ok: false; code: PlistFaultCode; detail: string }

/**
 * Reads one property list, XML or binary, as strictly as its sender must have written it. Never throws.
 * Ours, because bytes of a device decide about trust: npm's `plist` lets the last of two equal keys win and rounds large integers.
 */
export function parsePlist(bytes: Uint8Array, options: { maxBytes?: number } = {}): { ok: true; value: PlistValue } | Refused {
  const maxBytes = options.maxBytes ?? MAX_PLIST_BYTES
  if (bytes.length > maxBytes) return { ok: false, code: 'too_large', detail: `more than ${maxBytes} bytes` }
  try {
    return { ok: true, value: isBinary(bytes) ? readBinaryPlist(bytes) : readXmlPlist(bytes) }
  } catch (error) {
    if (error instanceof PlistFault) return { ok: false, code: error.code, detail: error.message }
    throw error
  }
}

/** Every MDM message is a dict; anything else is refused as `malformed`. */
export function parsePlistDict(bytes: Uint8Array, options: { maxBytes?: number } = {}): { ok: true; value: PlistDict } | Refused {
  const parsed = parsePlist(bytes, options)
  if (!parsed.ok) return parsed
  return parsed.value instanceof Map
    ? { ok: true, value: parsed.value }
    : { ok: false, code: 'malformed', detail: 'the root is not a dict' }
}

function isBinary(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 8)).toString('latin1') === 'bplist00'
}
