import { calculateJwkThumbprint, flattenedVerify, importJWK, type JWK } from 'jose'
import { fromBase64url } from '../bytes.ts'
import type { AcmeAccount, MdmDeps, RawRequest } from '../ports.ts'
import { AcmeProblem } from './problem.ts'
import { acmeUrls } from './urls.ts'

/** An attestation object is about 3 KiB, its JWS about 5. */
const MAX_ACME_BODY_BYTES = 64 * 1024

/** What we hand out as nonces and ids, and all that is looked up in the store: a database refuses some texts, NUL among them. */
const OPAQUE_WORD = /^[A-Za-z0-9_-]{1,128}$/

const ALGORITHMS = ['ES256', 'ES384', 'RS256']
const KEY_MEMBERS: Readonly<Record<string, readonly string[]>> = { EC: ['crv', 'x', 'y'], RSA: ['n', 'e'] }

type Jws = { protected: string; payload: string; signature: string }
type Header = { alg: string; nonce: string; url: string; jwk: Record<string, unknown> | undefined; kid: string | undefined }

export type NewKey = { jwk: Record<string, unknown>; thumbprint: string }
export type SignedPayload<Signer> = { signer: Signer; payload: Uint8Array }

/** A request signed by a key that introduces itself (newAccount alone; RFC 8555 §6.2). */
export async function openWithNewKey(deps: MdmDeps, request: RawRequest): Promise<SignedPayload<NewKey>> {
  const { jws, header } = readJws(deps, request)
  if (header.jwk === undefined) throw new AcmeProblem('malformed', 'newAccount is signed with "jwk"')
  const jwk = publicMembers(header.jwk)
  const payload = await verifyJws(jws, jwk, header.alg)
  await spendNonce(deps, header.nonce)
  return { signer: { jwk, thumbprint: await calculateJwkThumbprint(jwk as JWK) }, payload }
}

/** A request signed by an account's key, named by its URL. */
export async function openWithAccount(deps: MdmDeps, request: RawRequest): Promise<SignedPayload<AcmeAccount>> {
  const { jws, header } = readJws(deps, request)
  if (header.kid === undefined) throw new AcmeProblem('malformed', 'this resource is signed with "kid"')
  const prefix = acmeUrls(deps.publicUrl).account('')
  const id = header.kid.startsWith(prefix) ? header.kid.slice(prefix.length) : ''
  const account = OPAQUE_WORD.test(id) ? await deps.acme.findAccount(id) : undefined
  if (account === undefined) throw new AcmeProblem('accountDoesNotExist', 'no such account')
  const payload = await verifyJws(jws, account.jwk, header.alg)
  await spendNonce(deps, header.nonce)
  return { signer: account, payload }
}

function readJws(deps: MdmDeps, request: RawRequest): { jws: Jws; header: Header } {
  if (request.headers['content-type']?.split(';')[0]?.trim() !== 'application/jose+json') {
    throw new AcmeProblem('malformed', 'the content type must be application/jose+json', { status: 415 })
  }
  if (request.body.length > MAX_ACME_BODY_BYTES) throw new AcmeProblem('malformed', 'the body is too large', { status: 413 })
  const jws = readJson(request.body, 'the body')
  const { protected: encoded, payload, signature } = jws
  // RFC 8555 §6.2: flattened, with no unprotected header; RFC 7797's detached payload is not for us either.
  if (Object.keys(jws).length !== 3 || typeof encoded !== 'string' || typeof payload !== 'string' || typeof signature !== 'string') {
    throw new AcmeProblem('malformed', 'the body must be a flattened JWS: protected, payload, signature')
  }
  // RFC 4648 §3.5: decoders that pass over odd trailing bits would take one signature in several spellings.
  if (fromBase64url(payload) === undefined || fromBase64url(signature) === undefined) {
    throw new AcmeProblem('malformed', 'payload or signature is not base64url in its one form')
  }
  return { jws: { protected: encoded, payload, signature }, header: readHeader(deps, request, encoded) }
}

function readHeader(deps: MdmDeps, request: RawRequest, encoded: string): Header {
  const { alg, nonce, url, jwk, kid, ...others } = readJson(fromBase64url(encoded), 'the protected header')
  if (typeof alg !== 'string' || !ALGORITHMS.includes(alg)) {
    throw new AcmeProblem('badSignatureAlgorithm', `use one of ${ALGORITHMS.join(', ')}`)
  }
  if (typeof nonce !== 'string') throw new AcmeProblem('badNonce', 'a nonce is required')
  // RFC 8555 §6.5.2
  if (!OPAQUE_WORD.test(nonce)) throw new AcmeProblem('malformed', 'the nonce is not base64url')
  if ('crit' in others || 'b64' in others) throw new AcmeProblem('malformed', 'no JWS extension is understood')
  if (typeof url !== 'string' || url !== `${deps.publicUrl}${request.path}`) {
    throw new AcmeProblem('unauthorized', 'the signed url is not the one that was asked')
  }
  if ((jwk === undefined) === (kid === undefined)) throw new AcmeProblem('malformed', 'exactly one of "jwk" and "kid" is required')
  if (kid !== undefined && typeof kid !== 'string') throw new AcmeProblem('malformed', '"kid" is a string')
  if (jwk !== undefined && !isRecord(jwk)) throw new AcmeProblem('malformed', '"jwk" is an object')
  return { alg, nonce, url, jwk, kid }
}

/** Only what makes the public key: a private member is refused, everything else is left behind. */
function publicMembers(jwk: Record<string, unknown>): Record<string, unknown> {
  const members = typeof jwk.kty === 'string' && Object.hasOwn(KEY_MEMBERS, jwk.kty) ? KEY_MEMBERS[jwk.kty] : undefined
  if (members === undefined || 'd' in jwk) throw new AcmeProblem('badPublicKey', 'an EC or RSA public key is required')
  return Object.fromEntries([['kty', jwk.kty], ...members.map((member) => [member, jwk[member]])])
}

async function verifyJws(jws: Jws, jwk: Record<string, unknown>, alg: string): Promise<Uint8Array> {
  const key = await importJWK(jwk as JWK, alg).catch(() => undefined)
  if (key === undefined || key instanceof Uint8Array) throw new AcmeProblem('badPublicKey', 'the key cannot be used with this algorithm')
  try {
    return (await flattenedVerify(jws, key, { algorithms: [alg] })).payload
  } catch {
    throw new AcmeProblem('malformed', 'the signature is not valid')
  }
}

/** After the signature: else anybody who saw a nonce could spend it (RFC 8555 §6.5). */
async function spendNonce(deps: MdmDeps, nonce: string): Promise<void> {
  if (!(await deps.acme.spendNonce(nonce, deps.clock.now()))) throw new AcmeProblem('badNonce', 'unknown, used or expired nonce')
}

/** A JSON object out of bytes, or the problem `malformed`. */
export function readJson(bytes: Uint8Array | undefined, what: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw new AcmeProblem('malformed', `${what} is not JSON`)
  }
  if (!isRecord(value)) throw new AcmeProblem('malformed', `${what} is not a JSON object`)
  return value
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
