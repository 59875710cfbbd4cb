import type { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'

export type Endpoint = { host: string; port: number }

/** What a TLS handshake showed. `fault`: why the chain does not end at an anchor, in OpenSSL's word; undefined where it does. */
export type Handshake = {
  certificate: X509Certificate
  /** As the server sent them, with whatever issuer Node knew, from the server's own on. */
  chain: X509Certificate[]
  fault: string | undefined
  namesHost: boolean
}

export type Unreached = { unreached: 'no_address' | 'refused' | 'timeout' | 'no_tls' | 'failed'; detail: string }

const TIMEOUT_MS = 5_000
/** A chain is three or four; this ends a loop. */
const MAX_CHAIN = 10

/** Connects, shakes hands, and hangs up: nothing is sent. The certificate is looked at whatever it is; judging it is the caller's. */
export function shakeHands(to: Endpoint, options: { ca: readonly string[]; timeoutMs?: number }): Promise<Handshake | Unreached> {
  const { ca, timeoutMs = TIMEOUT_MS } = options
  const servername = isIP(to.host) === 0 ? { servername: to.host } : {}
  return new Promise((resolve) => {
    const socket = connect({ host: to.host, port: to.port, ...servername, ca: [...ca], rejectUnauthorized: false })
    const settle = (result: Handshake | Unreached): void => {
      clearTimeout(timer)
      socket.destroySoon()
      resolve(result)
    }
    const timer = setTimeout(() => settle({ unreached: 'timeout', detail: `no answer within ${timeoutMs / 1000} s` }), timeoutMs)
    socket.once('error', (error: NodeJS.ErrnoException) => settle(explain(error)))
    socket.once('secureConnect', () => settle(look(socket, to.host)))
  })
}

function look(socket: TLSSocket, host: string): Handshake | Unreached {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return { unreached: 'no_tls', detail: 'the server showed no certificate' }
  // Macs look at the alternative names alone; the common name has long ceased to count.
  const namesHost = (isIP(host) === 0 ? certificate.checkHost(host, { subject: 'never' }) : certificate.checkIP(host)) !== undefined
  const error = socket.authorizationError as unknown
  const code = error === undefined || error === null ? undefined : String((error as NodeJS.ErrnoException).code ?? error)
  // That the name is another one is said apart: it hides nothing about the chain.
  const fault = code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? undefined : code
  return { certificate, chain: chainOf(certificate), fault, namesHost }
}

function chainOf(leaf: X509Certificate): X509Certificate[] {
  const chain = [leaf]
  for (let next = leaf.issuerCertificate; next !== undefined && chain.length < MAX_CHAIN; next = next.issuerCertificate) {
    if (chain.some(({ fingerprint256 }) => fingerprint256 === next?.fingerprint256)) break
    chain.push(next)
  }
  return chain
}

const NO_ADDRESS = ['ENOTFOUND', 'EAI_AGAIN', 'EAI_NODATA', 'EAI_NONAME']

/** A failure to connect, told apart as far as an administrator can do something about it. */
export function explain(error: NodeJS.ErrnoException): Unreached {
  // Several addresses were tried: the first one's failure speaks for them.
  const first = error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException) : error
  const code = first.code ?? ''
  const detail = code === '' ? first.message.slice(0, 200) : code
  if (NO_ADDRESS.includes(code)) return { unreached: 'no_address', detail }
  if (code === 'ECONNREFUSED') return { unreached: 'refused', detail }
  if (code === 'ETIMEDOUT' || code === 'ERR_SOCKET_CONNECTION_TIMEOUT') return { unreached: 'timeout', detail }
  if (code.startsWith('ERR_SSL') || code === 'EPROTO') return { unreached: 'no_tls', detail }
  return { unreached: 'failed', detail }
}
