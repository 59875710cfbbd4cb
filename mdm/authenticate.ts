import { fromBase64, sha256 } from './bytes.ts'
import { checkIssued } from './cms/check-issued.ts'
import { verifyDetachedSignature } from './cms/verify-signature.ts'
import { MAX_PLIST_BYTES, parsePlistDict } from './plist/parse-plist.ts'
import { type PlistDict, stringAt } from './plist/value.ts'
import type { Enrollment, MdmDeps, RawReply, RawRequest } from './ports.ts'
import { refusal } from './refusal.ts'

export type Authentic = { enrollment: Enrollment; message: PlistDict; raw: Uint8Array; now: Date }

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
  const fault = checkIssued({ certificate: verified.certificate, ca: deps.ca.certificate, now })
  if (fault !== undefined) return refused(deps, 401, fault)
  const enrollment = await deps.enrollments.findByIdentity(sha256(verified.certificate))
  if (enrollment === undefined) return refused(deps, 401, 'CERT_NOT_BOUND')
  if (enrollment.state === 'superseded' || enrollment.state === 'unenrolled') return refused(deps, 410, 'ENROLLMENT_ENDED', enrollment.id)
  return readMessage(deps, { enrollment, raw, now })
}

function readMessage(deps: MdmDeps, { enrollment, raw, now }: { enrollment: Enrollment; raw: Uint8Array; now: Date }): Outcome {
  const parsed = parsePlistDict(raw)
  if (!parsed.ok) return refused(deps, 400, 'PLIST_MALFORMED', `${enrollment.id}: ${parsed.code}: ${parsed.detail}`)
  const message = parsed.value
  // A user enrollment hides serial and UDID, so that nothing could ever be attested.
  if (message.has('EnrollmentID')) return refused(deps, 401, 'USER_ENROLLMENT', enrollment.id)
  const udid = stringAt(message, 'UDID')
  if (udid === undefined || udid === '' || udid.length > 64) return refused(deps, 400, 'UDID_MISSING', enrollment.id)
  if (enrollment.udid !== undefined && enrollment.udid !== udid) return refused(deps, 401, 'UDID_MISMATCH', enrollment.id)
  return { ok: true, value: { enrollment, message, raw, now } }
}

function refused(deps: MdmDeps, status: number, code: string, detail?: string): Outcome {
  // A Mac whose enrollment has ended keeps knocking for as long as its profile is installed: no news.
  if (code !== 'ENROLLMENT_ENDED') deps.log?.warn({ code, detail }, 'MDM message refused')
  return { ok: false, reply: refusal(status, code) }
}
