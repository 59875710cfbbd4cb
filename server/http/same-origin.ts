import type { IncomingHttpHeaders } from 'node:http'

/**
 * True for a request that one of our own pages made. Browsers set both headers and no page can forge them; a request that carries
 * neither did not come from a browser and has no business with a session cookie. The request's own Host proves nothing: a name of
 * somebody else's that leads here (DNS rebinding) would agree with it.
 */
export function isSameOrigin(headers: IncomingHttpHeaders, origins: ReadonlySet<string>): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin') return false
  const { origin } = headers
  return origin === undefined ? site === 'same-origin' : origins.has(origin)
}

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]']

/** Where our pages come from: the public address, and in evaluation on this machine whatever else this machine calls itself. */
export function ownOrigins(publicUrl: URL, mode: 'evaluation' | 'production'): ReadonlySet<string> {
  const names = mode === 'evaluation' && LOOPBACK.includes(publicUrl.hostname) ? LOOPBACK : []
  const port = publicUrl.port === '' ? '' : `:${publicUrl.port}`
  return new Set([publicUrl.origin, ...names.map((name) => `${publicUrl.protocol}//${name}${port}`)])
}
