import { fromBase64, sameBytes, sha256 } from './bytes.ts'
import { checkIssued, type IssuedFaultCode } from './cms/check-issued.ts'
import { verifyDetachedSignature } from './cms/verify-signature.ts'
import { MAX_PLIST_BYTES, parsePlistDict } from './plist/parse-plist.ts'
import { type PlistDict, stringAt } from './plist/value.ts'
import type { Enrollment, Identity, MdmDeps, RawReply, RawRequest } from './ports.ts'
import { refusal } from './refusal.ts'

export type Authentic = { enrollment: Enrollment; message: PlistDict; raw: Uint8Array; signature: Uint8Array; now: Date }

type Outcome = { ok: true; value: Authentic } | { ok: false; reply: RawReply }

/**
 * Who sent this message? The one step before both handlers. In this order, nothing of the body being parsed before its
 * signature holds: size, Mdm-Signature over the raw bytes, our CA, the one enrollment that this very certificate was issued to,
 * then the plist, then that its UDID is that enrollment's (reference §1.2).
 */
export async function authenticate(deps: MdmDeps, request: RawRequest): Promise<Outcome> {
  const now = deps.clock.now()
  if (request.method !== 'PUT') return refused(deps, 405, 'METHOD_NOT_ALLOWED')
  if (request.body.length > MAX_PLIST_BYTES) return refused(deps, 413, 'BODY_TOO_LARGE')
  const signature = fromBase64(request.headers['mdm-signature'] ?? '')
  if (signature === undefined || signature.length === 0) return refused(deps, 401, 'SIGNATURE_MISSING')
  const raw = request.body.slice()
  const verified = verifyDetachedSignature(signature, raw)
  if (!verified.ok) return refused(deps, 401, verified.code, verified.detail)
  const fault = issuerFault(deps, verified.certificate, now)
  if (fault !== undefined) return refused(deps, 401, fault)
  // Beside the signature, never instead: where the edge saw a certificate, it is the very same (README, "Mutual TLS").
  const presented = request.clientCertificate
  if (presented !== undefined && !sameBytes(sha256(presented), sha256(verified.certificate))) {
    return refused(deps, 401, 'CLIENT_CERT_MISMATCH')
  }
  const bound = await deps.enrollments.findByIdentity(sha256(verified.certificate))
  if (bound === undefined) return refused(deps, 401, 'CERT_NOT_BOUND')
  const { enrollment, identity } = bound
  if (enrollment.state === 'superseded' || enrollment.state === 'unenrolled') return refused(deps, 410, 'ENROLLMENT_ENDED', enrollment.id)
  if (enrollment.kind === 'external') return refused(deps, 401, 'EXTERNAL_ENROLLMENT', enrollment.id)
  if (identity.standing === 'revoked') return refused(deps, 401, 'CERT_REVOKED', enrollment.id)
  if (identity.standing === 'superseded') return refused(deps, 401, 'CERT_SUPERSEDED', enrollment.id)
  const read = readMessage(deps, { enrollment, raw, signature, now })
  if (read.ok && enrollment.unreachableAt !== undefined) await deps.enrollments.touch(enrollment.id, now)
  return read.ok && identity.standing === 'pending' ? promote(deps, read, identity) : read
}

/** Each kind of identity under its own CA: what SCEP's signs can never pass for an attested one. */
function issuerFault(deps: MdmDeps, certificate: Uint8Array, now: Date): IssuedFaultCode | undefined {
  const fault = checkIssued({ certificate, ca: deps.ca.certificate, now })
  return fault === 'CERT_NOT_OURS' && deps.scep !== undefined ? checkIssued({ certificate, ca: deps.scep.certificate, now }) : fault
}

/** The first message under a renewed identity: from here on the old one is heard no more. The listener may miss it in a crash; evidence is read anew from the store. */
async function promote(deps: MdmDeps, read: Outcome & { ok: true }, identity: Identity): Promise<Outcome> {
  const { enrollment, now: at } = read.value
  const { id: enrollmentId, macId, serial } = enrollment
  const isPromoted = await deps.enrollments.promoteIdentity({ enrollmentId, sha256: identity.sha256, at })
  // Another of its messages came first, or the identity was revoked just now: it is looked up again.
  const standing = isPromoted ? 'current' : (await deps.enrollments.findByIdentity(identity.sha256))?.identity.standing
  if (standing !== 'current') return refused(deps, 401, 'CERT_SUPERSEDED', enrollmentId)
  if (isPromoted) await deps.events.onIdentityPromoted({ enrollmentId, macId, serial, identitySha256: identity.sha256, at })
  return { ok: true, value: { ...read.value, enrollment: { ...enrollment, identitySha256: identity.sha256 } } }
}

function readMessage(deps: MdmDeps, received: Omit<Authentic, 'message'>): Outcome {
  const { enrollment, raw } = received
  const parsed = parsePlistDict(raw)
  if (!parsed.ok) return refused(deps, 400, 'PLIST_MALFORMED', `${enrollment.id}: ${parsed.code}: ${parsed.detail}`)
  const message = parsed.value
  // A user enrollment hides serial and UDID, so that nothing could ever be attested.
  if (message.has('EnrollmentID')) return refused(deps, 401, 'USER_ENROLLMENT', enrollment.id)
  const udid = stringAt(message, 'UDID')
  if (udid === undefined || udid === '' || udid.length > 64) return refused(deps, 400, 'UDID_MISSING', enrollment.id)
  if (enrollment.udid !== undefined && enrollment.udid !== udid) return refused(deps, 401, 'UDID_MISMATCH', enrollment.id)
  return { ok: true, value: { ...received, message } }
}

function refused(deps: MdmDeps, status: number, code: string, detail?: string): Outcome {
  // A Mac whose enrollment has ended keeps knocking for as long as its profile is installed: no news.
  if (code !== 'ENROLLMENT_ENDED') deps.log?.warn({ code, detail }, 'MDM message refused')
  return { ok: false, reply: refusal(status, code) }
}
