import { createPublicKey } from 'node:crypto'
import { type Reply, send } from './http.ts'
import { ephemeralKey } from './secure-enclave.ts'

/** The server's problem document (RFC 7807, RFC 8555 §6.7). Trying again does not help. */
export class AcmeRefused extends Error {
  readonly type: string
  constructor(type: string, detail: string) {
    super(`${type.replace('urn:ietf:params:acme:error:', '')}: ${detail}`)
    this.type = type
  }
}

export type Resource = { location: string | undefined; body: Record<string, unknown>; text: string }

/** One account's conversation with an ACME server: every request is a JWS over a nonce that the last answer brought (RFC 8555 §6). */
export type AcmeSession = {
  directory: Record<string, unknown>
  signUp(): Promise<void>
  /** No payload: POST-as-GET (§6.3). */
  post(url: string, payload?: object, accept?: string): Promise<Resource>
}

const MAX_NONCE_ATTEMPTS = 5
const BAD_NONCE = 'urn:ietf:params:acme:error:badNonce'

export async function openAcmeSession(directoryUrl: string, signal: AbortSignal): Promise<AcmeSession> {
  const key = ephemeralKey('P-256')
  const jwk = publicJwk(key.spki)
  const directory = toResource(await send({ url: directoryUrl, method: 'GET', signal })).body
  let nonce: string | undefined
  let account: string | undefined

  async function takeNonce(): Promise<string> {
    const ready = nonce ?? (await send({ url: text(directory, 'newNonce'), method: 'HEAD', signal })).headers.get('replay-nonce')
    nonce = undefined
    if (ready === null || ready === undefined) throw new AcmeRefused('malformed', 'the server gave no nonce')
    return ready
  }

  async function post(url: string, payload?: object, accept?: string): Promise<Resource> {
    for (let attempt = 1; ; attempt++) {
      const identity = account === undefined ? { jwk } : { kid: account }
      const header = base64url(JSON.stringify({ alg: 'ES256', ...identity, nonce: await takeNonce(), url }))
      const body = payload === undefined ? '' : base64url(JSON.stringify(payload))
      const signature = Buffer.from(key.signRaw('sha256', Buffer.from(`${header}.${body}`))).toString('base64url')
      const jws = JSON.stringify({ protected: header, payload: body, signature })
      const headers = { 'content-type': 'application/jose+json', ...(accept === undefined ? {} : { accept }) }
      const reply = await send({ url, method: 'POST', headers, body: jws, signal })
      nonce = reply.headers.get('replay-nonce') ?? undefined
      const isBadNonce = reply.status === 400 && problemType(reply) === BAD_NONCE
      if (!isBadNonce || attempt === MAX_NONCE_ATTEMPTS) return toResource(reply)
    }
  }

  return {
    directory,
    post,
    async signUp() {
      account = (await post(text(directory, 'newAccount'), { termsOfServiceAgreed: true })).location
      if (account === undefined) throw new AcmeRefused('malformed', 'the server gave no account URL')
    },
  }
}

/** A member that must be a text. */
export function text(body: Record<string, unknown>, name: string): string {
  const value = body[name]
  if (typeof value !== 'string') throw new AcmeRefused('malformed', `the server gave no ${name}`)
  return value
}

function toResource(reply: Reply): Resource {
  const content = Buffer.from(reply.body).toString()
  if (reply.status >= 400) throw problem(reply, content)
  const isJson = reply.headers.get('content-type')?.includes('json') === true
  const body = isJson ? (JSON.parse(content) as Record<string, unknown>) : {}
  return { location: reply.headers.get('location') ?? undefined, body, text: content }
}

function problem(reply: Reply, content: string): AcmeRefused {
  try {
    const { type, detail } = JSON.parse(content) as { type?: string; detail?: string }
    return new AcmeRefused(type ?? 'about:blank', detail ?? `HTTP ${reply.status}`)
  } catch {
    return new AcmeRefused('about:blank', `HTTP ${reply.status}`)
  }
}

function problemType(reply: Reply): string | undefined {
  try {
    return (JSON.parse(Buffer.from(reply.body).toString()) as { type?: string }).type
  } catch {
    return undefined
  }
}

function publicJwk(spki: Uint8Array): object {
  const { kty, crv, x, y } = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }).export({ format: 'jwk' })
  return { kty, crv, x, y }
}

const base64url = (content: string) => Buffer.from(content).toString('base64url')
