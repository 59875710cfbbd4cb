import { createHmac } from 'node:crypto'

export type OAuth1Credentials = { consumerKey: string; consumerSecret: string; accessToken: string; accessSecret: string }

/** RFC 3986's unreserved characters alone stay as they are (RFC 5849 §3.6). */
export const percentEncode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)

/**
 * The Authorization header of an OAuth 1.0a request signed with HMAC-SHA1 (RFC 5849 §3.4.2), as Apple's enrollment service asks for
 * a session: no body, the query's parameters signed with it.
 */
export function oauth1Header(
  request: { method: string; url: URL; realm?: string },
  credentials: OAuth1Credentials,
  moment: { timestamp: number; nonce: string },
): string {
  const parameters: [string, string][] = [
    ['oauth_consumer_key', credentials.consumerKey],
    ['oauth_token', credentials.accessToken],
    ['oauth_signature_method', 'HMAC-SHA1'],
    ['oauth_timestamp', String(moment.timestamp)],
    ['oauth_nonce', moment.nonce],
    ['oauth_version', '1.0'],
  ]
  const signature = sign(baseString(request, [...parameters, ...request.url.searchParams]), credentials)
  const header = [...parameters, ['oauth_signature', signature] as const].map(([name, value]) => `${name}="${percentEncode(value)}"`)
  return `OAuth ${[...(request.realm === undefined ? [] : [`realm="${request.realm}"`]), ...header].join(', ')}`
}

/** RFC 5849 §3.4.1: method, address without query, every parameter sorted by its encoded form. */
export function baseString(request: { method: string; url: URL }, parameters: Iterable<readonly [string, string]>): string {
  const encoded = [...parameters].map(([name, value]) => [percentEncode(name), percentEncode(value)] as const)
  const sorted = encoded.sort(([a, x], [b, y]) => (a === b ? compare(x, y) : compare(a, b)))
  const address = `${request.url.protocol}//${request.url.host}${request.url.pathname}`
  return [request.method.toUpperCase(), address, sorted.map(([name, value]) => `${name}=${value}`).join('&')].map(percentEncode).join('&')
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

export function sign(base: string, secrets: Pick<OAuth1Credentials, 'consumerSecret' | 'accessSecret'>): string {
  const key = `${percentEncode(secrets.consumerSecret)}&${percentEncode(secrets.accessSecret)}`
  return createHmac('sha1', key).update(base).digest('base64')
}
