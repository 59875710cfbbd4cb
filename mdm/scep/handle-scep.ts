import { X509Certificate } from 'node:crypto'
import { issueIdentity } from '../acme/issue-identity.ts'
import { fromBase64, utf8 } from '../bytes.ts'
import type { Issuer, MdmDeps, RawReply, RawRequest, RsaIssuer } from '../ports.ts'
import { refusal } from '../refusal.ts'
import { sealEnvelope } from './envelope.ts'
import { type Granted, judgeRequest } from './judge-request.ts'
import { certificatesOnly, certRep, FAIL, openPkiMessage, type PkiMessage } from './message.ts'

/** A request with RSA-4096 is about 5 KiB. */
const MAX_MESSAGE_BYTES = 16 * 1024
/** RFC 8894 §3.5.2. No DES and no SHA-1: a client that needs them is refused. */
const CAPABILITIES = ['AES', 'POSTPKIOperation', 'Renewal', 'SCEPStandard', 'SHA-256', 'SHA-512']

type ScepDeps = MdmDeps & { scep: RsaIssuer }

/**
 * Simple Certificate Enrolment Protocol (RFC 8894), for Macs without a Secure Enclave that could attest: GetCACaps, GetCACert and
 * PKIOperation. What it issues can manage a Mac, and nothing more: no word of Apple's stands behind such a key.
 */
export async function handleScep(deps: MdmDeps, request: RawRequest): Promise<RawReply> {
  const { scep } = deps
  if (scep === undefined) return refusal(404, 'SCEP_NOT_OFFERED')
  const query = new URLSearchParams(request.query ?? '')
  switch (query.get('operation')) {
    case 'GetCACaps':
      return answer('text/plain', utf8(`${CAPABILITIES.join('\n')}\n`))
    case 'GetCACert':
      return answer('application/x-x509-ca-cert', scep.certificate)
    case 'PKIOperation':
      return pkiOperation({ ...deps, scep }, messageIn(request, query))
    default:
      return refusal(400, 'SCEP_OPERATION_UNKNOWN')
  }
}

/** POST has the message as its body; GET as base64 (RFC 8894 §4.1), in which a blank was a plus. */
function messageIn(request: RawRequest, query: URLSearchParams): Uint8Array | undefined {
  if (request.method === 'POST') return request.body
  return request.method === 'GET' ? fromBase64((query.get('message') ?? '').replaceAll(' ', '+')) : undefined
}

async function pkiOperation(deps: ScepDeps, der: Uint8Array | undefined): Promise<RawReply> {
  if (der === undefined || der.length === 0 || der.length > MAX_MESSAGE_BYTES) return refusal(400, 'SCEP_MESSAGE_MALFORMED')
  const message = openPkiMessage(der, deps.scep)
  if (message === undefined) return refusal(400, 'SCEP_MESSAGE_MALFORMED')
  const ca = await signingHalf(deps.scep)
  const envelope = await grant(deps, ca, message)
  const result = envelope === undefined ? { failInfo: FAIL.badRequest } : { envelope }
  return answer('application/x-pki-message', await certRep({ ca, request: message, result, random: deps.random }))
}

/** The issued certificate, encrypted to the requester. Undefined: refused; why is in our log and not in the reply. */
async function grant(deps: ScepDeps, ca: Issuer, message: PkiMessage): Promise<Uint8Array | undefined> {
  const now = deps.clock.now()
  const judged = await judgeRequest(deps, message, now)
  if (!judged.ok) {
    deps.log?.warn({ code: judged.fault }, 'a SCEP request was refused')
    return undefined
  }
  const certificate = await issue(deps, ca, judged, now)
  if (certificate === undefined) return undefined
  const { cipher, signer: recipient } = message
  return sealEnvelope(certificatesOnly([certificate]), { recipient, cipher, random: deps.random })
}

async function issue(deps: ScepDeps, ca: Issuer, granted: Granted, now: Date): Promise<Uint8Array | undefined> {
  const { enrollment, purpose, codeHash, spki } = granted
  const { id: enrollmentId, serial } = enrollment
  const { pem, ...issued } = await issueIdentity({ ca, spki, enrollmentId, serial, purpose, now, random: deps.random })
  const identity = { ...issued, kind: 'scep' as const }
  const isAdded = await deps.enrollments.addIdentity({ enrollmentId, purpose, codeHash, identity, at: now })
  return isAdded ? new Uint8Array(new X509Certificate(pem).raw) : undefined
}

const signingHalf = async ({ certificate, privateKey }: RsaIssuer): Promise<Issuer> => ({
  certificate,
  privateKey: privateKey.toCryptoKey({ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, false, ['sign']),
})

const answer = (type: string, body: Uint8Array): RawReply => ({
  status: 200,
  headers: { 'content-type': type, 'cache-control': 'no-store' },
  body,
})
