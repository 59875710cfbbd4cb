import { sha256 } from '../bytes.ts'
import type { MdmDeps, RawReply, RawRequest } from '../ports.ts'
import { refusal } from '../refusal.ts'
import { issueProfile } from './issue-profile.ts'

const CODE = /^[A-Za-z0-9_-]{32}$/

/** GET /enroll/:code: the signed profile, each time with a fresh ClientIdentifier, until one of them has been used. */
export async function handleEnroll(deps: MdmDeps, request: RawRequest): Promise<RawReply> {
  if (request.method !== 'GET') return refusal(405, 'METHOD_NOT_ALLOWED')
  const code = request.path.split('/')[2] ?? ''
  const enrollment = CODE.test(code) ? await deps.enrollments.findByLink(sha256(code)) : undefined
  if (enrollment?.kind !== 'profile') return refusal(404, 'LINK_UNKNOWN')
  const issued = await issueProfile(deps, enrollment)
  if (issued.ok) return { status: 200, headers: PROFILE_HEADERS, body: issued.profile }
  return issued.reason === 'no_topic' ? refusal(503, 'NO_PUSH_CERTIFICATE') : refusal(410, 'LINK_USED_OR_EXPIRED')
}

const PROFILE_HEADERS = {
  'content-type': 'application/x-apple-aspen-config',
  'content-disposition': 'attachment; filename="enrollment.mobileconfig"',
  'cache-control': 'no-store',
}
