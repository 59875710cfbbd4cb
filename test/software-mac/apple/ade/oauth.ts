import { createHmac, timingSafeEqual } from 'node:crypto'
import type { ServerToken } from './token-file.ts'

/** What Apple says of a session request that it does not take. */
export type OAuthRefusal =
  | 'malformed'
  | 'consumer_key_unknown'
  | 'token_rejected'
  | 'token_expired'
  | 'timestamp_refused'
  | 'nonce_used'
  | 'signature_invalid'

/** OAuth Core 1.0a (RFC 5849) leaves the window to the server. */
const WINDOW_S = 300
const MAX_NONCES = 10_000
const WANTED = ['oauth_consumer_key', 'oauth_token', 'oauth_signature_method', 'oauth_timestamp', 'oauth_nonce', 'oauth_signature']

/** Judges the Authorization header of GET /session: HMAC-SHA1 over method, address and every parameter (RFC 5849 §3.4). */
export function createOAuthCheck(now: () => Date) {
  const used = new Map<string, number>()

  function isReplay(nonce: string, timestamp: number): boolean {
    for (const [old, at] of used) if (at < now().getTime() / 1000 - 2 * WINDOW_S || used.size > MAX_NONCES) used.delete(old)
    const key = `${timestamp} ${nonce}`
    if (used.has(key)) return true
    used.set(key, timestamp)
    return false
  }

  return (request: { header: string | undefined; method: string; url: URL }, token: ServerToken): OAuthRefusal | undefined => {
    const given = parse(request.header ?? '')
    if (given === undefined || WANTED.some((name) => !given.has(name))) return 'malformed'
    const word = (name: string) => given.get(name) ?? ''
    if (word('oauth_signature_method') !== 'HMAC-SHA1' || (given.get('oauth_version') ?? '1.0') !== '1.0') return 'malformed'
    if (word('oauth_consumer_key') !== token.consumer_key) return 'consumer_key_unknown'
    if (word('oauth_token') !== token.access_token) return 'token_rejected'
    if (!isSigned(request, given, token)) return 'signature_invalid'
    const timestamp = Number(word('oauth_timestamp'))
    if (!Number.isInteger(timestamp) || Math.abs(now().getTime() / 1000 - timestamp) > WINDOW_S) return 'timestamp_refused'
    if (isReplay(word('oauth_nonce'), timestamp)) return 'nonce_used'
    return new Date(token.access_token_expiry) <= now() ? 'token_expired' : undefined
  }
}

/** `OAuth realm="ADM", name="value", …`; a parameter twice is malformed (§3.1). */
function parse(header: string): Map<string, string> | undefined {
  const body = /^OAuth\s+(.*)$/s.exec(header)?.[1]
  if (body === undefined) return undefined
  const found = new Map<string, string>()
  for (const part of body.split(',')) {
    const match = /^\s*([A-Za-z_]+)="([^"]*)"\s*$/.exec(part)
    if (match === null) return undefined
    const [, name = '', value = ''] = match
    if (found.has(name)) return undefined
    found.set(name, decodeURIComponent(value))
  }
  found.delete('realm')
  return found
}

function isSigned({ method, url }: { method: string; url: URL }, given: Map<string, string>, token: ServerToken): boolean {
  const parameters = [...given].filter(([name]) => name !== 'oauth_signature').concat([...url.searchParams])
  const pairs = parameters.map(([name, value]) => `${escaped(name)}=${escaped(value)}`).sort()
  const base = [method, `${url.origin}${url.pathname}`, pairs.join('&')].map(escaped).join('&')
  const key = `${escaped(token.consumer_secret)}&${escaped(token.access_secret)}`
  const expected = createHmac('sha1', key).update(base).digest()
  const actual = Buffer.from(given.get('oauth_signature') ?? '', 'base64')
  return actual.length === expected.length && timingSafeEqual(actual, expected)
}

const UNRESERVED = /[A-Za-z0-9._~-]/
const escaped = (text: string) =>
  [...Buffer.from(text)]
    .map((byte) => {
      const character = String.fromCharCode(byte)
      return UNRESERVED.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
    })
    .join('')
