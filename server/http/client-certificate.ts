import { X509Certificate } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'

/**
 * Where a client's certificate is learned from, for MDM messages alone. `listener`: our own TLS asked for one. `header`: the proxy that
 * ended TLS says so, in a header that it sets itself; from anybody else that header means nothing.
 */
export type ClientCertificateSource = { from: 'nowhere' } | { from: 'listener' } | { from: 'header'; name: string }

export type ClientCertificateOf = (request: IncomingMessage) => Uint8Array | undefined

const MAX_HEADER_LENGTH = 16 * 1024
/** Equals no certificate: whoever presents it is refused, as one who presents another's is. */
const UNREADABLE = new Uint8Array()

export function clientCertificateFrom(source: ClientCertificateSource, isTrustedProxy: (address: string) => boolean): ClientCertificateOf {
  switch (source.from) {
    case 'nowhere':
      return () => undefined
    case 'listener':
      return (request) => (request.socket instanceof TLSSocket ? presentedIn(request.socket) : undefined)
    case 'header':
      return (request) => {
        // The peer of this very connection, not what X-Forwarded-For tells.
        if (!isTrustedProxy(request.socket.remoteAddress ?? '')) return undefined
        return readHeader(request.headersDistinct[source.name] ?? [])
      }
    default:
      return source satisfies never
  }
}

/** TLS has proved the key, whether or not the chain is believed: who issued it is judged with the message's signature. */
function presentedIn(socket: TLSSocket): Uint8Array | undefined {
  const { raw } = socket.getPeerCertificate()
  return raw === undefined ? undefined : new Uint8Array(raw)
}

/** RFC 9440 (`:base64:`), or PEM as nginx and others send it, URL-encoded. */
function readHeader(values: readonly string[]): Uint8Array | undefined {
  const [value, ...others] = values
  if (value === undefined || value === '') return undefined
  if (others.length > 0 || value.length > MAX_HEADER_LENGTH) return UNREADABLE
  try {
    const rfc9440 = /^:([A-Za-z0-9+/]+={0,2}):$/.exec(value)?.[1]
    const certificate = rfc9440 === undefined ? decodeURIComponent(value) : Buffer.from(rfc9440, 'base64')
    return new Uint8Array(new X509Certificate(certificate).raw)
  } catch {
    return UNREADABLE
  }
}
