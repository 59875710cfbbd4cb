import { lookup } from 'node:dns/promises'
import { request as requestHttps } from 'node:https'
import { rootCertificates } from 'node:tls'
import type { Clock } from '../clock.ts'
import type { Echo } from './echo.ts'
import { type Endpoint, explain, type Handshake, shakeHands, type Unreached } from './handshake.ts'

/** Who vouches for the certificate under which Macs reach this appliance. `broken`: nobody, and `chainFault` says why. */
export type CertificateFacts = {
  subject: string
  issuer: string
  notBefore: Date
  notAfter: Date
  sha256: string
  namesHost: boolean
  names: string
  trust: 'public' | 'company' | 'private' | 'broken'
  chainFault: string | null
}

export type AddressFacts = {
  checkedAt: Date
  addresses: string[]
  certificate: CertificateFacts | null
  /** Null: this appliance itself answered at the address. */
  fault: { code: Unreached['unreached'] | 'other_server' | 'redirected'; detail: string } | null
}

type Deps = {
  publicUrl: string
  clock: Clock
  echo: Echo
  /** PEM: the company's own authorities. */
  companyAnchors: () => Promise<string[]>
  /** Whose certificates everybody trusts; in a test the test's own. */
  publicAnchors?: readonly string[]
}

const ANSWER_TIMEOUT_MS = 5_000
const MAX_ANSWER_BYTES = 1024
/** A Mac that does not know these either. The chain is complete; its end is not known. */
const UNKNOWN_AUTHORITY = [
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
]

/** Asks the public address as a Mac would: is there an address, whose certificate is it, and is it this appliance that answers. */
export async function lookAtPublicAddress(deps: Deps): Promise<AddressFacts> {
  const url = new URL(deps.publicUrl)
  const to = { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 443) }
  const checkedAt = deps.clock.now()
  const addresses = await lookup(to.host, { all: true }).catch(() => [])
  const seen = { checkedAt, addresses: addresses.map(({ address }) => address) }
  if (addresses.length === 0) return { ...seen, certificate: null, fault: { code: 'no_address', detail: to.host } }
  const shaken = await shakeHands(to, { ca: deps.publicAnchors ?? rootCertificates })
  if ('unreached' in shaken) return { ...seen, certificate: null, fault: { code: shaken.unreached, detail: shaken.detail } }
  const certificate = await describe(deps, to, shaken)
  return { ...seen, certificate, fault: await askForEcho(deps, url) }
}

async function describe(deps: Deps, to: Endpoint, shaken: Handshake): Promise<CertificateFacts> {
  const { certificate, fault } = shaken
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    notBefore: new Date(certificate.validFrom),
    notAfter: new Date(certificate.validTo),
    sha256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    namesHost: shaken.namesHost,
    names: (certificate.subjectAltName ?? oneLine(certificate.subject)).slice(0, 300),
    ...(fault === undefined ? { trust: 'public', chainFault: null } : await withinTheCompany(deps, to, fault)),
  }
}

async function withinTheCompany(deps: Deps, to: Endpoint, fault: string): Promise<Pick<CertificateFacts, 'trust' | 'chainFault'>> {
  const anchors = await deps.companyAnchors()
  const again = anchors.length === 0 ? undefined : await shakeHands(to, { ca: anchors })
  if (again !== undefined && !('unreached' in again) && again.fault === undefined) return { trust: 'company', chainFault: null }
  return { trust: UNKNOWN_AUTHORITY.includes(fault) ? 'private' : 'broken', chainFault: fault }
}

/** The chain has been judged already: what is asked here is only who answers, with a word that is worth nothing to anybody else. */
function askForEcho({ echo }: Deps, url: URL): Promise<AddressFacts['fault']> {
  const { question, answer } = echo.ask()
  return new Promise((resolve) => {
    const to = new URL(`/setup-echo/${question}`, url)
    const request = requestHttps(to, { rejectUnauthorized: false, agent: false, timeout: ANSWER_TIMEOUT_MS }, (response) => {
      const status = response.statusCode ?? 0
      let said = ''
      response.setEncoding('latin1')
      response.on('data', (text: string) => {
        said += text
        if (said.length > MAX_ANSWER_BYTES) request.destroy(new Error('too long'))
      })
      response.on('end', () => {
        if (status === 200 && said === answer) resolve(null)
        else if (status >= 300 && status < 400)
          resolve({ code: 'redirected', detail: String(response.headers.location ?? '').slice(0, 200) })
        else resolve({ code: 'other_server', detail: `HTTP ${status}` })
      })
    })
    const giveUp = setTimeout(() => request.destroy(Object.assign(new Error('late'), { code: 'ETIMEDOUT' })), ANSWER_TIMEOUT_MS)
    request.on('close', () => clearTimeout(giveUp))
    request.on('error', (error: NodeJS.ErrnoException) => {
      if (error.message === 'too long') return resolve({ code: 'other_server', detail: 'another page' })
      const { unreached, detail } = explain(error)
      resolve({ code: unreached, detail })
    })
    request.end()
  })
}

const oneLine = (name: string): string => name.split('\n').join(', ').slice(0, 300)
