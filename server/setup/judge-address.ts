import type { Judged, SetupFacts } from './facts.ts'
import type { AddressFacts, CertificateFacts } from './public-address.ts'

const DAY_MS = 24 * 3600_000
/** A certificate that is renewed by itself is renewed before this, or before its last quarter where it lives shorter. */
const RENEWED_BEFORE_MS = 14 * DAY_MS

/** Whether Macs and browsers reach this appliance, and no other, under its public address. */
export function judgeAddress(facts: SetupFacts, now: Date): Judged {
  const { mode, publicUrl, address } = facts
  if (mode === 'evaluation') {
    return {
      state: 'not-needed',
      sentence: `Evaluation runs at ${publicUrl}. In production: an https address that Macs reach, under a certificate that they trust.`,
    }
  }
  if (!publicUrl.startsWith('https:')) {
    return { state: 'wrong', sentence: `${publicUrl} is plain HTTP.`, remedy: 'Set ESPALIER_PUBLIC_URL to an https address.' }
  }
  if (address === null) return { state: 'todo', sentence: 'The address has not been looked at yet.', remedy: 'Look at it now.' }
  const { certificate, fault } = address
  if (certificate !== null && !certificate.namesHost) {
    const sentence = `The certificate shown at ${publicUrl} is not for this host: it names ${certificate.names}.`
    return { state: 'wrong', sentence, remedy: `Have one issued for ${new URL(publicUrl).hostname}.` }
  }
  if (certificate !== null && now >= certificate.notAfter) {
    return {
      state: 'wrong',
      sentence: `The certificate expired on ${day(certificate.notAfter)}.`,
      remedy: 'Renew it, and restart what serves it.',
    }
  }
  if (fault !== null) return { state: 'wrong', ...sayFault(publicUrl, fault) }
  if (certificate !== null && isNotRenewed(certificate, now)) {
    const sentence = `The certificate expires on ${day(certificate.notAfter)}, and has not been renewed.`
    return { state: 'wrong', sentence, remedy: 'Renew it, or see why it is not renewed by itself.' }
  }
  const left =
    certificate === null
      ? ''
      : ` Its certificate is good for ${Math.floor((certificate.notAfter.getTime() - now.getTime()) / DAY_MS)} more days.`
  return { state: 'done', sentence: `This appliance answers itself at ${publicUrl}.${left}` }
}

/** Who vouches for the certificate, and whether Macs know them. */
export function judgeServerTrust({ mode, address, anchors }: SetupFacts): Judged {
  if (mode === 'evaluation') {
    return { state: 'not-needed', sentence: 'Not needed for evaluation. In production: Macs trust the certificate of the public address.' }
  }
  const certificate = address?.certificate ?? null
  if (certificate === null) {
    return { state: 'todo', sentence: 'No certificate has been seen at the public address yet.', remedy: 'See to the address first.' }
  }
  switch (certificate.trust) {
    case 'public':
      return { state: 'done', sentence: `Every Mac trusts the certificate; it comes from ${certificate.issuer}.` }
    case 'company':
      return {
        state: 'done',
        sentence: `The certificate comes from the company’s own authority; ${anchors === 1 ? 'its root is' : `${anchors} roots are`} given to Macs of Apple Business, and offered as a profile for others.`,
        remedy: 'A Mac that enrolls by link needs that profile first.',
      }
    case 'private':
      return {
        state: anchors === 0 ? 'todo' : 'wrong',
        sentence:
          anchors === 0
            ? `The certificate comes from ${certificate.issuer}, which Macs do not know by themselves.`
            : `The certificate comes from ${certificate.issuer}, which is not under the authority that is listed here.`,
        remedy:
          'If that is the company’s own authority, give its root certificate here. If not, the server leaves out an intermediate certificate.',
      }
    case 'broken':
      return {
        state: 'wrong',
        sentence: `No Mac accepts the certificate: ${sayChainFault(certificate.chainFault ?? '')}.`,
        remedy: 'Serve a valid certificate with all its intermediates.',
      }
    default:
      return certificate.trust satisfies never
  }
}

function isNotRenewed({ notBefore, notAfter }: CertificateFacts, now: Date): boolean {
  const quarterMs = (notAfter.getTime() - notBefore.getTime()) / 4
  return notAfter.getTime() - now.getTime() < Math.min(RENEWED_BEFORE_MS, quarterMs)
}

function sayFault(publicUrl: string, { code, detail }: NonNullable<AddressFacts['fault']>): { sentence: string; remedy: string } {
  const { hostname, port } = new URL(publicUrl)
  const at = port === '' ? '443' : port
  switch (code) {
    case 'no_address':
      return { sentence: `No address is known for ${hostname}.`, remedy: 'Enter it into the name service that Macs and this machine ask.' }
    case 'refused':
      return {
        sentence: `${hostname} refuses connections to port ${at}.`,
        remedy: 'Start what listens there, or correct ESPALIER_PUBLIC_URL.',
      }
    case 'timeout':
      return {
        sentence: `${hostname} did not answer on port ${at}.`,
        remedy: 'Let this machine reach its own public address, too: some firewalls do not turn such a connection round.',
      }
    case 'no_tls':
      return {
        sentence: `What answers on port ${at} does not speak TLS (${detail}).`,
        remedy: 'Set ESPALIER_TLS_CERT and ESPALIER_TLS_KEY, or end TLS in the proxy in front.',
      }
    case 'redirected':
      return {
        sentence: `The address leads elsewhere: ${detail}.`,
        remedy: 'Macs follow no redirects here. Set ESPALIER_PUBLIC_URL to where it leads, or end the redirect.',
      }
    case 'other_server':
      return {
        sentence: `Another server answers at ${publicUrl} (${detail}).`,
        remedy: 'Point the name, or the proxy in front, to this appliance.',
      }
    case 'failed':
      return { sentence: `${publicUrl} could not be reached: ${detail}.`, remedy: 'Try it from this machine: curl -v.' }
    default:
      return code satisfies never
  }
}

/** OpenSSL’s words for what is wrong with a chain, in ours. */
const CHAIN_FAULTS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'a certificate of its chain has expired',
  CERT_NOT_YET_VALID: 'a certificate of its chain is not valid yet',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it vouches for itself, and no authority does',
  CERT_SIGNATURE_FAILURE: 'a signature of its chain does not hold',
  INVALID_CA: 'a certificate of its chain belongs to no authority',
  INVALID_PURPOSE: 'it is not meant for a server',
  CERT_REVOKED: 'it was revoked',
}

const sayChainFault = (fault: string): string => CHAIN_FAULTS[fault] ?? `its chain is refused (${fault})`
const day = (at: Date): string => at.toISOString().slice(0, 10)
