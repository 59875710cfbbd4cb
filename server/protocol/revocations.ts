import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { sha256 } from '@noble/hashes/sha2.js'
import { base64url, fromBase64url, hex, utf8 } from './bytes.ts'
import { type Canonical, canonicalJson } from './canonical.ts'
import { MAX_REVOCATION_PAGES, REVOCATION_PAGE_LENGTH, type SignedRevocationList } from './frames.ts'
import { RevocationList, statement } from './statements.ts'

/**
 * The numbered list of what is revoked (DESIGN §4): canonical JSON, signed with Ed25519 as the statement 'revocation-list'. Whoever holds
 * a list takes another only under the same key and with a higher number.
 */

/** SHA-256 (hex) of a serial number: how the list names a Mac. */
export const revokedMac = (serial: string): string => hex(sha256(utf8(serial)))

/** `key` is the installation's private Ed25519 key; its public half travels along, for agents that have pinned none yet. */
export function signRevocationList(key: KeyObject, list: RevocationList): SignedRevocationList {
  const body = utf8(canonicalJson(list as Canonical))
  const signature = base64url(new Uint8Array(sign(null, statement('revocation-list', body), key)))
  const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' })
  return { list: base64url(body), signature, key: base64url(new Uint8Array(publicKey)) }
}

/** Length of an Ed25519 SubjectPublicKeyInfo (RFC 8410 §4). */
const ED25519_SPKI_BYTES = 44

/** The list where `key` (SubjectPublicKeyInfo, DER) signed it and its bytes are its one canonical form; undefined otherwise. */
export function openRevocationList(key: Uint8Array, signed: SignedRevocationList): RevocationList | undefined {
  const body = fromBase64url(signed.list)
  const signature = fromBase64url(signed.signature)
  if (body === undefined || signature?.length !== 64 || key.length !== ED25519_SPKI_BYTES) return undefined
  try {
    const publicKey = createPublicKey({ key: Buffer.from(key), format: 'der', type: 'spki' })
    if (publicKey.asymmetricKeyType !== 'ed25519') return undefined
    if (!verify(null, statement('revocation-list', body), publicKey, signature)) return undefined
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
    const list = RevocationList.parse(JSON.parse(text))
    return canonicalJson(list as Canonical) === text ? list : undefined
  } catch {
    return undefined
  }
}

/** As it travels: whole where it fits one frame, else in pages, in order. */
export function toRevocationPages(signed: SignedRevocationList): SignedRevocationList[] {
  const { list } = signed
  const of = Math.ceil(list.length / REVOCATION_PAGE_LENGTH)
  if (of <= 1) return [signed]
  if (of > MAX_REVOCATION_PAGES) throw new TypeError(`a revocation list has ${MAX_REVOCATION_PAGES} pages at most`)
  return Array.from({ length: of }, (_, index) => ({
    ...signed,
    list: list.slice(index * REVOCATION_PAGE_LENGTH, (index + 1) * REVOCATION_PAGE_LENGTH),
    page: { index, of },
  }))
}

export type Joined = { state: 'whole'; signed: SignedRevocationList } | { state: 'partial' } | { state: 'malformed' }

/**
 * Puts pages together again. A first page begins a new list, whatever came before; one that is not the next of the list begun is
 * malformed. Nothing is believed of it until `openRevocationList` has verified the whole.
 */
export function createRevocationJoiner(): (signed: SignedRevocationList) => Joined {
  let parts: string[] = []
  let begun: SignedRevocationList | undefined
  return (signed) => {
    const { page, ...rest } = signed
    if (page === undefined) return { state: 'whole', signed: rest }
    if (page.index === 0) {
      parts = []
      begun = signed
    }
    const isNext = page.index === parts.length && begun?.page?.of === page.of && begun.signature === signed.signature
    if (!isNext) return { state: 'malformed' }
    parts.push(signed.list)
    if (parts.length < page.of) return { state: 'partial' }
    const whole = { ...rest, list: parts.join('') }
    parts = []
    begun = undefined
    return { state: 'whole', signed: whole }
  }
}
