import type { IncomingHttpHeaders } from 'node:http'

/**
 * True for a request that one of our own pages made. Browsers set both headers and no page can forge them; a request that carries
 * neither did not come from a browser and has no business with a session cookie.
 */
export function isSameOrigin(headers: IncomingHttpHeaders, publicUrl: URL): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin') return false
  const { origin } = headers
  if (origin === undefined) return site === 'same-origin'
  return origin === publicUrl.origin || hostOf(origin) === headers.host
}

/** The appliance may be reached by more names than its public one; the page and the request must then agree on it. */
function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined
}
