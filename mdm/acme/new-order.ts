import { randomWord, sha256 } from '../bytes.ts'
import type { AcmeAccount, Enrollment, MdmDeps, RawReply } from '../ports.ts'
import { readJson } from './open-request.ts'
import { AcmeProblem } from './problem.ts'
import { jsonReply } from './reply.ts'
import { representOrder } from './represent.ts'
import { acmeUrls } from './urls.ts'

const ORDER_TTL_MS = 3600_000
/** A Mac tries again after a failure, with the same ClientIdentifier; nobody needs more tries than this. */
const MAX_ORDERS_PER_IDENTIFIER = 8
/** draft-ietf-acme-device-attest: at least 128 bits. */
const TOKEN_BYTES = 32

/** RFC 8555 §7.4, for one `permanent-identifier`: the one-time ClientIdentifier of the profile. */
export async function newOrder(deps: MdmDeps, account: AcmeAccount, payload: Uint8Array): Promise<RawReply> {
  const identifier = readIdentifier(readJson(payload, 'the payload'))
  const now = deps.clock.now()
  const enrollment = await openEnrollment(deps, identifier, now)
  const order = await deps.acme.createOrder({
    id: randomWord(deps.random, 16),
    accountId: account.id,
    enrollmentId: enrollment.id,
    identifier,
    token: randomWord(deps.random, TOKEN_BYTES),
    limit: MAX_ORDERS_PER_IDENTIFIER,
    createdAt: now,
    expiresAt: new Date(now.getTime() + ORDER_TTL_MS),
  })
  if (order === undefined) throw new AcmeProblem('rejectedIdentifier', 'too many orders for this identifier')
  const urls = acmeUrls(deps.publicUrl)
  return jsonReply(201, representOrder(order, urls, now), { location: urls.order(order.id) })
}

function readIdentifier(payload: Record<string, unknown>): string {
  // RFC 8555 §7.4: what cannot be granted must be refused.
  if ('notBefore' in payload || 'notAfter' in payload) throw new AcmeProblem('malformed', 'the server chooses the validity')
  const [identifier, ...others] = Array.isArray(payload.identifiers) ? payload.identifiers : []
  if (others.length > 0 || typeof identifier !== 'object' || identifier === null) {
    throw new AcmeProblem('malformed', 'an order names exactly one identifier')
  }
  if (identifier.type !== 'permanent-identifier') throw new AcmeProblem('unsupportedIdentifier', 'only permanent-identifier is offered')
  if (typeof identifier.value !== 'string' || identifier.value.length > 128) {
    throw new AcmeProblem('malformed', 'the identifier is not a string of up to 128 characters')
  }
  return identifier.value
}

/**
 * The enrollment whose ClientIdentifier this is, while it may still be used. The same answer for unknown, used and expired, and no
 * event: an old profile in somebody's Downloads must not speak about a Mac that has enrolled with it long ago.
 */
export async function openEnrollment(deps: MdmDeps, identifier: string, now: Date): Promise<Enrollment> {
  const enrollment = await deps.enrollments.findByClientIdentifier(sha256(identifier))
  const fault = enrollment === undefined ? 'unknown' : clientIdentifierFault(enrollment, now)
  if (enrollment === undefined || fault !== undefined) {
    deps.log?.warn({ enrollmentId: enrollment?.id, fault }, 'ACME identifier rejected')
    throw new AcmeProblem('rejectedIdentifier', 'this identifier is unknown, used or expired')
  }
  return enrollment
}

function clientIdentifierFault(enrollment: Enrollment, now: Date): string | undefined {
  if (enrollment.clientIdentifierUsedAt !== undefined || enrollment.state !== 'profile_issued') return 'CLIENT_ID_REUSED'
  const expiresAt = enrollment.clientIdentifierExpiresAt
  return expiresAt === undefined || expiresAt <= now ? 'CLIENT_ID_EXPIRED' : undefined
}
