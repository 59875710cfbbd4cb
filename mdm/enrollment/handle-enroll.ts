import { randomWord, sha256 } from '../bytes.ts'
import { signContent } from '../cms/sign-content.ts'
import { writePlistBytes } from '../plist/write-plist.ts'
import type { MdmDeps, RawReply, RawRequest } from '../ports.ts'
import { refusal } from '../refusal.ts'
import { ACCESS_RIGHTS } from './access-rights.ts'
import { enrollmentProfile } from './profile.ts'

const CLIENT_IDENTIFIER_TTL_MS = 24 * 3600_000
const CLIENT_IDENTIFIER_BYTES = 24
const CODE = /^[A-Za-z0-9_-]{32}$/

/** GET /enroll/:code: the signed profile, each time with a fresh ClientIdentifier, until one of them has been used. */
export async function handleEnroll(deps: MdmDeps, request: RawRequest): Promise<RawReply> {
  if (request.method !== 'GET') return refusal(405, 'METHOD_NOT_ALLOWED')
  const code = request.path.split('/')[2] ?? ''
  const enrollment = CODE.test(code) ? await deps.enrollments.findByLink(sha256(code)) : undefined
  if (enrollment === undefined) return refusal(404, 'LINK_UNKNOWN')
  const topic = await deps.topic()
  // A Mac keeps the topic of its profile for as long as it is enrolled.
  if (topic === undefined) return refusal(503, 'NO_PUSH_CERTIFICATE')
  const now = deps.clock.now()
  const clientIdentifier = randomWord(deps.random, CLIENT_IDENTIFIER_BYTES)
  const unsigned = writePlistBytes(enrollmentProfile(deps, { id: enrollment.id, clientIdentifier, topic }))
  const profile = await signContent(unsigned, deps.profileSigner)
  const isIssued = await deps.enrollments.issueProfile({
    id: enrollment.id,
    clientIdentifierHash: sha256(clientIdentifier),
    clientIdentifierExpiresAt: new Date(now.getTime() + CLIENT_IDENTIFIER_TTL_MS),
    accessRights: ACCESS_RIGHTS,
    at: now,
  })
  if (!isIssued) return refusal(410, 'LINK_USED_OR_EXPIRED')
  await deps.events.onProfileIssued({ enrollmentId: enrollment.id, macId: enrollment.macId, serial: enrollment.serial, at: now })
  return { status: 200, headers: PROFILE_HEADERS, body: profile }
}

const PROFILE_HEADERS = {
  'content-type': 'application/x-apple-aspen-config',
  'content-disposition': 'attachment; filename="enrollment.mobileconfig"',
  'cache-control': 'no-store',
}
