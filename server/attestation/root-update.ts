import { createPublicKey, verify } from 'node:crypto'
import { z } from 'zod'
import { concat, fromBase64url, fromHex, utf8 } from '#protocol/bytes'
import { type Canonical, canonicalJson } from '#protocol/canonical'
import { type Certificate, isSignedBy, parseCertificate } from './certificate.ts'
import { parseBasicConstraints, parseKeyUsage } from './certificate-extensions.ts'
import type { TrustAnchors } from './roots.ts'

/**
 * Apple's root lives until 2047, and may be replaced before. Then a signed document names the whole list of roots that count from now on,
 * the old one beside the new while both are in use, and how the authorities below them are called. Only the project's release key,
 * pinned here, can sign one; the signature covers the bytes as they are. Nothing here reads a file: the document is an argument.
 */
export type SignedRootUpdate = { document: string; signature: string }

const Base64 = z.string().regex(/^[A-Za-z0-9_-]+$/)

const RootUpdate = z.strictObject({
  v: z.literal(1),
  /** Counts up; an older document never undoes a newer one. */
  number: z.number().int().min(1),
  issuedAt: z.number().int(),
  /** Certificates (DER, base64url). */
  roots: z.array(Base64.max(12_000)).min(1).max(8),
  /** How the common names of authorities directly below the roots begin. */
  intermediateNames: z.array(z.string().min(8).max(64)).min(1).max(8),
})
export type RootUpdate = z.infer<typeof RootUpdate>

export type RootUpdateVerdict =
  | { ok: true; anchors: TrustAnchors; number: number; issuedAt: Date }
  | { ok: false; reason: 'malformed' | 'not_canonical' | 'bad_signature' | 'not_newer' | 'not_yet_issued' | 'bad_root'; detail?: string }

/**
 * Ed25519 public keys (SubjectPublicKeyInfo, DER, hex) of the project's releases; each is enough. Empty until a release key has been
 * made where it will be kept, offline: until then no update is accepted, and Apple's built-in root alone counts.
 */
export const RELEASE_KEYS: readonly string[] = []

const PURPOSE = concat(utf8('espalier/1 attestation-roots'), Uint8Array.of(0))
const ROOT_NAME = 'Apple Enterprise Attestation Root CA'
const MAX_DOCUMENT_CHARS = 128 * 1024

/** The bytes that a release key signs. Source: RFC 8032 (Ed25519), RFC 8785 (canonical JSON). */
export const rootUpdateStatement = (document: Uint8Array): Uint8Array => concat(PURPOSE, document)

/**
 * Verifies first, then parses, then judges each root. `newerThan`: the number of the update in force, 0 for the pin that was built in.
 * Pure; never throws for its input.
 */
export function verifyRootUpdate(
  signed: SignedRootUpdate,
  options: { newerThan: number; at: Date; releaseKeys?: readonly string[] },
): RootUpdateVerdict {
  if (signed.document.length > MAX_DOCUMENT_CHARS) return { ok: false, reason: 'malformed', detail: 'too long' }
  const document = fromBase64url(signed.document)
  const signature = fromBase64url(signed.signature)
  if (document === undefined || signature?.length !== 64) return { ok: false, reason: 'malformed' }
  if (!isSignedByRelease(document, signature, options.releaseKeys ?? RELEASE_KEYS)) return { ok: false, reason: 'bad_signature' }
  const update = parseUpdate(document)
  if (typeof update === 'string') return { ok: false, reason: update }
  if (update.number <= options.newerThan) return { ok: false, reason: 'not_newer' }
  if (update.issuedAt > options.at.getTime()) return { ok: false, reason: 'not_yet_issued' }
  return readAnchors(update)
}

function isSignedByRelease(document: Uint8Array, signature: Uint8Array, keys: readonly string[]): boolean {
  return keys.some((text) => {
    const key = fromHex(text)
    if (key === undefined) return false
    try {
      const publicKey = createPublicKey({ key: Buffer.from(key), format: 'der', type: 'spki' })
      return publicKey.asymmetricKeyType === 'ed25519' && verify(null, rootUpdateStatement(document), publicKey, signature)
    } catch {
      return false // no key at all signs nothing
    }
  })
}

function parseUpdate(document: Uint8Array): RootUpdate | 'malformed' | 'not_canonical' {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(document)
    const parsed = RootUpdate.safeParse(JSON.parse(text))
    if (!parsed.success) return 'malformed'
    return canonicalJson(parsed.data as Canonical) === text ? parsed.data : 'not_canonical'
  } catch {
    return 'malformed'
  }
}

function readAnchors({ roots, intermediateNames, number, issuedAt }: RootUpdate): RootUpdateVerdict {
  const read = roots.map(readRoot)
  const fault = read.find((one) => typeof one === 'string')
  if (fault !== undefined) return { ok: false, reason: 'bad_root', detail: fault }
  const [first, ...rest] = read.filter((one) => typeof one !== 'string')
  const [name, ...names] = intermediateNames
  if (first === undefined || name === undefined) return { ok: false, reason: 'malformed' }
  return {
    ok: true,
    anchors: { domain: 'apple', roots: [first, ...rest], intermediateNames: [name, ...names] },
    number,
    issuedAt: new Date(issuedAt),
  }
}

/** Even a release key makes no root of what is not one: a slip of the hand must not end in an anchor that anybody can sign under. */
function readRoot(text: string): Certificate | string {
  const der = fromBase64url(text)
  const parsed = der === undefined ? undefined : parseCertificate(der)
  if (parsed?.ok !== true) return 'a root is not a certificate'
  const { certificate } = parsed
  const constraints = parseBasicConstraints(certificate)
  const usage = parseKeyUsage(certificate)
  if (certificate.subject.commonName?.startsWith(ROOT_NAME) !== true) return 'a root is not named as Apple’s attestation root'
  if (!constraints.ok || constraints.value?.isCa !== true) return 'a root is not marked as an authority'
  if (!usage.ok || usage.value?.keyCertSign !== true) return 'a root may not sign certificates'
  return isSignedBy(certificate, certificate) ? certificate : 'a root is not signed by itself'
}
