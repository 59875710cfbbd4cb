import { sha256 } from '@noble/hashes/sha2.js'
import { hex, isEqual } from '#protocol/bytes'
import { type Certificate, isSignedBy, MAX_CERTIFICATE_BYTES, type ParsedCertificate, parseCertificate } from './certificate.ts'
import { duplicatedExtensions, parseBasicConstraints, parseKeyUsage, UNDERSTOOD_EXTENSIONS } from './certificate-extensions.ts'
import { createMemo } from './memo.ts'
import type { Finding } from './reasons.ts'
import { EVALUATION_ROOT_NAME, intermediateNames, isAnchor, type TrustAnchors } from './roots.ts'

/** `leaf` is there whenever the chain could be parsed, so that a refused one can still be shown; it is proven only with `ok`. */
export type ChainVerdict =
  | { ok: true; leaf: Certificate; intermediates: readonly Certificate[]; root: Certificate; notAfter: Date }
  | { ok: false; findings: readonly [Finding, ...Finding[]]; leaf: Certificate | undefined }

const MAX_CERTIFICATES = 5
/**
 * Judges an attestation's certificates, leaf first, up to a pinned root at the time `at`. Pure; never throws for its input.
 * What does not depend on the time is worked out once for the same bytes under the same anchors; validity is judged each time.
 * Source: RFC 5280 §6.1 for this one kind of path; Apple, "Managed Device Attestation"; reference §2.4.
 */
export function verifyChain(chain: readonly Uint8Array[], anchors: TrustAnchors, at: Date): ChainVerdict {
  const shape = checkSizes(chain)
  if (shape !== undefined) return { ok: false, findings: [shape], leaf: undefined }
  const { path, root, findings, otherwise } = memoOf(anchors)(chain, () => examineChain(chain, anchors))
  const [leaf, ...intermediates] = path
  if (leaf === undefined) return refused([...findings], otherwise, undefined)
  const standing = [
    ...findings,
    ...path.flatMap((certificate, index) => checkValidity(certificate, `certificate ${index}`, at)),
    ...(root === undefined ? [] : checkValidity(root, 'the root', at)),
  ]
  if (standing.length > 0 || root === undefined) return refused(standing, otherwise, leaf)
  const notAfter = new Date(Math.min(...[...path, root].map((certificate) => certificate.notAfter.getTime())))
  return { ok: true, leaf, intermediates, root, notAfter }
}

/** What is true of a chain at any time. An empty path: it could not be read. */
type Examined = {
  path: readonly Certificate[]
  root: Certificate | undefined
  findings: readonly Finding[]
  otherwise: Finding['code']
}

/**
 * Two chains a Mac, for ten thousand Macs: a fleet is judged in turn, so that with room for one chain fewer than it has the memory
 * would hold none of those that come next, and every decision would cost ten times as much. One takes about 8 KiB.
 */
const MAX_REMEMBERED = 24_576
const memos = new WeakMap<TrustAnchors, ReturnType<typeof createMemo<Examined>>>()

/** Anchors are values that never change, so that what was found under them stands as long as they do. */
function memoOf(anchors: TrustAnchors): ReturnType<typeof createMemo<Examined>> {
  const known = memos.get(anchors)
  if (known !== undefined) return known
  const memo = createMemo<Examined>(MAX_REMEMBERED)
  memos.set(anchors, memo)
  return memo
}

function examineChain(chain: readonly Uint8Array[], anchors: TrustAnchors): Examined {
  const parsed = chain.map((der, index) => (index === 0 ? parseCertificate(der) : issuers([der], () => parseCertificate(der))))
  const malformed = parsed.flatMap((one, index): Finding[] =>
    one.ok ? [] : [{ code: 'CERT_MALFORMED', detail: `certificate ${index}: ${one.detail}` }],
  )
  const certificates = parsed.flatMap((one) => (one.ok ? [one.certificate] : []))
  const path = withoutRoot(certificates, anchors)
  const [leaf, ...intermediates] = path
  if (malformed.length > 0 || leaf === undefined) return { path: [], root: undefined, findings: malformed, otherwise: 'CHAIN_INCOMPLETE' }
  const root = chooseRoot(path, anchors)
  const findings = [
    ...path.flatMap(checkCertificate),
    ...checkLeaf(leaf),
    ...checkLinks(path, root),
    ...intermediates.flatMap((certificate, index) => checkIntermediate(certificate, index, anchors)),
  ]
  return { path, root, findings, otherwise: 'CHAIN_UNTRUSTED' }
}

function refused(findings: readonly Finding[], otherwise: Finding['code'], leaf: Certificate | undefined): ChainVerdict {
  const [first = { code: otherwise }, ...rest] = findings
  return { ok: false, findings: [first, ...rest], leaf }
}

function checkSizes(chain: readonly Uint8Array[]): Finding | undefined {
  if (chain.length === 0) return { code: 'CHAIN_INCOMPLETE', detail: 'no certificates' }
  if (chain.length > MAX_CERTIFICATES) return { code: 'CHAIN_TOO_LARGE', detail: `${chain.length} certificates` }
  if (chain.some((der) => der.length > MAX_CERTIFICATE_BYTES)) return { code: 'CHAIN_TOO_LARGE', detail: 'a certificate above 8 KiB' }
  return undefined
}

/** A root sent along is superfluous and dropped, but only the pinned one itself, byte for byte. */
function withoutRoot(certificates: Certificate[], anchors: TrustAnchors): Certificate[] {
  const last = certificates.at(-1)
  return last !== undefined && isAnchor(last, anchors) ? certificates.slice(0, -1) : certificates
}

/** The pinned root whose key signed the last certificate. Its name only narrows the search. */
function chooseRoot(path: readonly Certificate[], anchors: TrustAnchors): Certificate | undefined {
  const last = path.at(-1)
  if (last === undefined) return undefined
  return anchors.roots.find(
    (root) => isEqual(root.subject.raw, last.issuer.raw) && links([last.raw, root.raw], () => isSignedBy(last, root)),
  )
}

/** Apple has a handful of intermediates, and every Mac sends one of them: they are read once, and whether a root signed them is worked out once. */
const issuers = createMemo<ParsedCertificate>(256)
const links = createMemo<boolean>(256)

function checkCertificate(certificate: Certificate, index: number): Finding[] {
  const where = `certificate ${index}`
  const findings: Finding[] = duplicatedExtensions(certificate).map((oid) => ({ code: 'EXT_DUPLICATE', detail: `${where}: ${oid}` }))
  for (const { oid, critical } of certificate.extensions) {
    if (critical && !UNDERSTOOD_EXTENSIONS.has(oid)) findings.push({ code: 'EXT_UNKNOWN_CRITICAL', detail: `${where}: ${oid}` })
  }
  if (certificate.publicKey === undefined) findings.push({ code: 'ALG_NOT_ALLOWED', detail: `${where}: its key` })
  if (certificate.signatureHash === undefined) findings.push({ code: 'ALG_NOT_ALLOWED', detail: `${where}: its signature algorithm` })
  return [...findings, ...checkExtensionShapes(certificate, where)]
}

function checkExtensionShapes(certificate: Certificate, where: string): Finding[] {
  return [parseBasicConstraints(certificate), parseKeyUsage(certificate)].flatMap((parsed): Finding[] =>
    parsed.ok ? [] : [{ code: 'EXT_MALFORMED', detail: `${where}: ${parsed.detail}` }],
  )
}

/** RFC 5280 §4.1.2.5: both ends belong to the period. */
function checkValidity(certificate: Certificate, where: string, at: Date): Finding[] {
  if (at < certificate.notBefore) return [{ code: 'CHAIN_NOT_YET_VALID', detail: `${where}: from ${certificate.notBefore.toISOString()}` }]
  // A certificate is valid through the whole of its last second.
  if (at.getTime() >= certificate.notAfter.getTime() + 1000) {
    return [{ code: 'CHAIN_EXPIRED', detail: `${where}: until ${certificate.notAfter.toISOString()}` }]
  }
  return []
}

function checkLeaf(leaf: Certificate): Finding[] {
  const findings: Finding[] = []
  const constraints = parseBasicConstraints(leaf)
  const usage = parseKeyUsage(leaf)
  // Apple's leaves say CA:FALSE in so many words; one that says nothing is not one of them.
  if (constraints.ok && constraints.value?.isCa !== false) findings.push({ code: 'LEAF_IS_CA' })
  if (usage.ok && usage.value?.keyCertSign === true) findings.push({ code: 'LEAF_IS_CA', detail: 'its key may sign certificates' })
  // Apple names a leaf after its key: the SHA-256 of the uncompressed point.
  if (leaf.publicKey !== undefined && leaf.subject.commonName !== hex(sha256(leaf.publicKey.point)))
    findings.push({ code: 'LEAF_NAME_MISMATCH' })
  return findings
}

/** A name proves nothing, and a new one under the pinned root is no break-in; yet it is refused until a signed update names it. */
function checkIntermediate(certificate: Certificate, index: number, anchors: TrustAnchors): Finding[] {
  const { commonName } = certificate.subject
  if (commonName !== undefined && intermediateNames(anchors).some((prefix) => commonName.startsWith(prefix))) return []
  return [{ code: 'ISSUER_NAME_UNEXPECTED', detail: `certificate ${index + 1}` }]
}

/** Each certificate against the next, and the last against the root. */
function checkLinks(path: readonly Certificate[], root: Certificate | undefined): Finding[] {
  const findings = path.slice(0, -1).flatMap((certificate, index) => {
    const issuer = path[index + 1] as Certificate
    return [...checkSignature(certificate, issuer, index), ...checkMayIssue(issuer, index)]
  })
  // Apple's root signs intermediates only, so a chain of one lacks its middle.
  if (path.length === 1) findings.push({ code: 'CHAIN_INCOMPLETE', detail: 'no intermediate certificate' })
  if (root === undefined) return path.length === 1 ? findings : [...findings, { code: 'CHAIN_UNTRUSTED', detail: explainNoRoot(path) }]
  return [...findings, ...checkMayIssue(root, path.length - 1)]
}

function explainNoRoot(path: readonly Certificate[]): string {
  const named = path.at(-1)?.issuer.commonName
  if (named === EVALUATION_ROOT_NAME) return 'it is under an evaluation root'
  return 'the last certificate was not signed by a pinned root'
}

function checkSignature(certificate: Certificate, issuer: Certificate, index: number): Finding[] {
  if (!isEqual(certificate.issuer.raw, issuer.subject.raw)) {
    return [{ code: 'CHAIN_UNTRUSTED', detail: `certificate ${index} names another issuer than the certificate after it` }]
  }
  if (certificate.signatureHash === undefined || issuer.publicKey === undefined) return [] // ALG_NOT_ALLOWED says it
  return isSignedBy(certificate, issuer)
    ? []
    : [{ code: 'CHAIN_UNTRUSTED', detail: `certificate ${index} was not signed by the certificate after it` }]
}

/** `below`: how many intermediates stand between this issuer and the leaf (RFC 5280 §4.2.1.9). */
function checkMayIssue(issuer: Certificate, below: number): Finding[] {
  const findings: Finding[] = []
  const constraints = parseBasicConstraints(issuer)
  const usage = parseKeyUsage(issuer)
  if (constraints.ok && constraints.value?.isCa !== true)
    findings.push({ code: 'ISSUER_NOT_CA', detail: 'it is not marked as an authority' })
  if (usage.ok && usage.value?.keyCertSign !== true) findings.push({ code: 'ISSUER_NOT_CA', detail: 'its key may not sign certificates' })
  const limit = constraints.ok ? constraints.value?.pathLength : undefined
  if (limit !== undefined && below > limit) findings.push({ code: 'PATH_TOO_LONG', detail: `${below} where ${limit} is the limit` })
  return findings
}
