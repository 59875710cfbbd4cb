import { X509Certificate } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { AcmeRefused, type AcmeSession, openAcmeSession, type Resource, text } from './acme-session.ts'
import type { Attestor } from './attestor.ts'
import { encodeCbor } from './cbor.ts'
import { createCsr } from './csr.ts'
import type { Misbehaviour } from './misbehaviour.ts'
import type { AcmePayload } from './profile.ts'
import { type EnclaveKey, ephemeralKey, type SecureEnclave } from './secure-enclave.ts'

const POLL_MS = 500
const MAX_POLLS = 60

/**
 * Apple's `com.apple.security.acme` payload: order by ClientIdentifier, device-attest-01 with an attested Secure Enclave key,
 * certificate for that key (draft-acme-device-attest, RFC 8555). Returns the PEM chain; the key stays under `keyName`.
 */
export async function obtainIdentity(options: {
  payload: AcmePayload
  keyName: string
  enclave: SecureEnclave
  attestor: Attestor
  misbehaviour: Misbehaviour
  signal: AbortSignal
}): Promise<string> {
  const { payload, signal } = options
  const session = await openAcmeSession(payload.directoryUrl, signal)
  await session.signUp()
  const identifiers = [{ type: 'permanent-identifier', value: payload.clientIdentifier }]
  const order = await session.post(text(session.directory, 'newOrder'), { identifiers })
  const orderUrl = order.location ?? ''
  const authorization = await session.post(firstAuthorization(order))
  const challenge = deviceAttestChallenge(authorization)
  // Apple: the key is made for this order, and attested as it is made.
  const key = options.enclave.generate(options.keyName, payload.keySize === 256 ? 'P-256' : 'P-384')
  await session.post(challenge.url, await challengeAnswer(challenge.token, key, options))
  await settled(session, firstAuthorization(order), 'valid', signal)
  await settled(session, orderUrl, 'ready', signal)
  const requestKey = options.misbehaviour.csrKey === 'foreign' ? ephemeralKey(key.curve) : key
  const csr = Buffer.from(createCsr(payload.subject, requestKey)).toString('base64url')
  await session.post(text(order.body, 'finalize'), { csr })
  const done = await settled(session, orderUrl, 'valid', signal)
  const chain = (await session.post(text(done.body, 'certificate'), undefined, 'application/pem-certificate-chain')).text
  checkIssued(chain, key)
  return chain
}

/** `{"attObj": base64url(CBOR)}`; a Mac that cannot attest (T2) sends none. */
async function challengeAnswer(token: string, key: EnclaveKey, options: { payload: AcmePayload; attestor: Attestor; signal: AbortSignal }) {
  const x5c = options.payload.attest ? await options.attestor.acmeKey(token, key.spki, options.signal) : []
  if (x5c.length === 0) return {}
  return { attObj: Buffer.from(encodeCbor({ fmt: 'apple', attStmt: { x5c } })).toString('base64url') }
}

function firstAuthorization(order: Resource): string {
  const urls = order.body.authorizations
  if (!Array.isArray(urls) || typeof urls[0] !== 'string') throw new AcmeRefused('malformed', 'the order has no authorization')
  return urls[0]
}

function deviceAttestChallenge(authorization: Resource): { url: string; token: string } {
  const challenges = authorization.body.challenges
  const found = Array.isArray(challenges) ? challenges.find((item: { type?: unknown }) => item.type === 'device-attest-01') : undefined
  if (found === undefined) throw new AcmeRefused('malformed', 'the server offers no device-attest-01')
  return { url: text(found, 'url'), token: text(found, 'token') }
}

const PROGRESS = ['pending', 'ready', 'processing', 'valid']

/** Polls (RFC 8555 §7.5.1) until the resource is at `goal` or past it. */
async function settled(session: AcmeSession, url: string, goal: 'ready' | 'valid', signal: AbortSignal): Promise<Resource> {
  for (let poll = 0; poll < MAX_POLLS; poll++) {
    const resource = await session.post(url)
    const status = text(resource.body, 'status')
    if (!PROGRESS.includes(status)) throw refusal(resource, status)
    if (PROGRESS.indexOf(status) >= PROGRESS.indexOf(goal)) return resource
    await sleep(POLL_MS, undefined, { signal })
  }
  throw new AcmeRefused('about:blank', `the server did not settle ${url}`)
}

/** The reason stands at the resource or at its challenge (§8). */
function refusal(resource: Resource, status: string): AcmeRefused {
  const challenges = (resource.body.challenges ?? []) as { error?: unknown }[]
  const error = (resource.body.error ?? challenges.find((item) => item.error !== undefined)?.error ?? {}) as Record<string, unknown>
  return new AcmeRefused(String(error.type ?? 'about:blank'), String(error.detail ?? `the server says ${status}`))
}

function checkIssued(chain: string, key: EnclaveKey): void {
  const spki = new X509Certificate(chain).publicKey.export({ type: 'spki', format: 'der' })
  if (Buffer.compare(spki, key.spki) !== 0) throw new AcmeRefused('about:blank', 'the certificate is for another key')
}
