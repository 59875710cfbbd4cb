import 'reflect-metadata'
import { createPublicKey, X509Certificate } from 'node:crypto'
import { ChallengePasswordAttribute, Pkcs10CertificateRequest } from '@peculiar/x509'
import { fromBER } from 'asn1js'
import { sameBytes, sha256 } from '../bytes.ts'
import { checkIssued } from '../cms/check-issued.ts'
import type { Enrollment, MdmDeps, RsaIssuer } from '../ports.ts'
import type { PkiMessage } from './message.ts'

const MIN_RSA_BITS = 2048
const MAX_RSA_BITS = 4096
const MAX_CSR_BYTES = 8 * 1024

export type ScepFault =
  | 'CSR_MALFORMED'
  | 'CSR_SIGNATURE_INVALID'
  | 'CSR_KEY_NOT_ALLOWED'
  | 'CSR_SUBJECT_MISMATCH'
  | 'SIGNER_MISMATCH'
  | 'CHALLENGE_MISSING'
  | 'CHALLENGE_REJECTED'
  | 'CHALLENGE_EXPIRED'
  | 'IDENTITY_NOT_CURRENT'
  | 'RENEWAL_TOO_EARLY'

export type Granted = {
  ok: true
  enrollment: Enrollment
  purpose: 'enrollment' | 'renewal'
  codeHash: Uint8Array | undefined
  spki: Uint8Array
}
type Judged = Granted | { ok: false; fault: ScepFault }

const no = (fault: ScepFault): Judged => ({ ok: false, fault })

/** May this request have a certificate? Whoever asks shows the one-time challenge of one enrollment, or that enrollment's identity. */
export async function judgeRequest(deps: MdmDeps & { scep: RsaIssuer }, message: PkiMessage, now: Date): Promise<Judged> {
  const csr = parseCsr(message.csr)
  if (csr === undefined) return no('CSR_MALFORMED')
  if (!(await csr.verify().catch(() => false))) return no('CSR_SIGNATURE_INVALID')
  const spki = new Uint8Array(csr.publicKey.rawData)
  if (!isAllowedKey(spki)) return no('CSR_KEY_NOT_ALLOWED')
  const standing =
    message.type === 'PKCSReq' ? await byChallenge(deps, { message, csr, spki, now }) : await byIdentity(deps, { message, spki, now })
  if (!standing.ok) return standing
  const [commonName, ...others] = csr.subjectName.getField('CN')
  return commonName === standing.enrollment.id && others.length === 0 ? standing : no('CSR_SUBJECT_MISMATCH')
}

type Asked = { message: PkiMessage; csr: Pkcs10CertificateRequest; spki: Uint8Array; now: Date }

/** RFC 8894 §3.3.1.1: a first certificate; the message is signed with the very key that is to be certified. */
async function byChallenge(deps: MdmDeps, { message, csr, spki, now }: Asked): Promise<Judged> {
  if (!sameBytes(spkiOf(message.signer), spki)) return no('SIGNER_MISMATCH')
  const attributes = csr.attributes.filter((attribute) => attribute instanceof ChallengePasswordAttribute)
  const [challenge, ...others] = attributes.map(({ password }) => password)
  if (challenge === undefined || challenge === '' || others.length > 0) return no('CHALLENGE_MISSING')
  const codeHash = sha256(challenge)
  const opened = await deps.enrollments.findByClientIdentifier(codeHash)
  if (opened === undefined) return no('CHALLENGE_REJECTED')
  const { clientIdentifier, enrollment } = opened
  const { protocol, purpose, usedAt, expiresAt } = clientIdentifier
  if (protocol !== 'scep' || usedAt !== undefined || (purpose !== 'enrollment' && purpose !== 'renewal')) return no('CHALLENGE_REJECTED')
  const awaited = purpose === 'enrollment' ? 'profile_issued' : 'enrolled'
  if (enrollment.state !== awaited || enrollment.identityKind !== 'scep' || enrollment.kind === 'external') return no('CHALLENGE_REJECTED')
  return expiresAt <= now ? no('CHALLENGE_EXPIRED') : { ok: true, enrollment, purpose, codeHash, spki }
}

/** RFC 8894 §3.3.1.2: a further certificate, asked for under the identity in use, in the second half of its life. */
async function byIdentity(deps: MdmDeps & { scep: RsaIssuer }, { message, spki, now }: Omit<Asked, 'csr'>): Promise<Judged> {
  if (checkIssued({ certificate: message.signer, ca: deps.scep.certificate, now }) !== undefined) return no('IDENTITY_NOT_CURRENT')
  const bound = await deps.enrollments.findByIdentity(sha256(message.signer))
  if (bound?.identity.standing !== 'current' || bound.identity.kind !== 'scep') return no('IDENTITY_NOT_CURRENT')
  const { enrollment, identity } = bound
  if (enrollment.state !== 'enrolled') return no('IDENTITY_NOT_CURRENT')
  const half = (identity.notBefore.getTime() + identity.notAfter.getTime()) / 2
  if (now.getTime() < half) return no('RENEWAL_TOO_EARLY')
  return { ok: true, enrollment, purpose: 'renewal', codeHash: undefined, spki }
}

function parseCsr(der: Uint8Array): Pkcs10CertificateRequest | undefined {
  if (der.length === 0 || der.length > MAX_CSR_BYTES) return undefined
  try {
    if (fromBER(new Uint8Array(der)).offset !== der.length) return undefined
    return new Pkcs10CertificateRequest(new Uint8Array(der))
  } catch {
    return undefined
  }
}

/** RSA, because the reply is encrypted to it. */
function isAllowedKey(spki: Uint8Array): boolean {
  const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0
  return key.asymmetricKeyType === 'rsa' && bits >= MIN_RSA_BITS && bits <= MAX_RSA_BITS
}

const spkiOf = (certificate: Uint8Array): Uint8Array =>
  new Uint8Array(new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' }))
