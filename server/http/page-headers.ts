import { randomBytes } from 'node:crypto'

export type PageHeaders = { nonce: string; headers: Record<string, string> }

/** Headers of every console page. The nonce is new for each response; scripts without it do not run. */
export function pageHeaders(options: { isDevelopment: boolean; isHttps: boolean }): PageHeaders {
  const nonce = randomBytes(18).toString('base64')
  const directives = [
    `default-src 'self'`,
    // React's development build evaluates source maps and error overlays; production never does.
    `script-src 'self' 'nonce-${nonce}' 'strict-dynamic'${options.isDevelopment ? " 'unsafe-eval'" : ''}`,
    // Radix positions its layers with style attributes and locks scrolling with a style element that carries no nonce.
    `style-src 'self' 'unsafe-inline'`,
    `img-src 'self' data: blob:`,
    `font-src 'self'`,
    `connect-src 'self'${options.isDevelopment ? ' ws:' : ''}`,
    `object-src 'none'`,
    `base-uri 'none'`,
    `form-action 'self'`,
    `frame-ancestors 'none'`,
  ]
  const headers: Record<string, string> = {
    'content-security-policy': directives.join('; '),
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    'permissions-policy': 'camera=(), microphone=(), geolocation=()',
  }
  if (options.isHttps) headers['strict-transport-security'] = 'max-age=31536000'
  return { nonce, headers }
}
