import { randomWord, sha256 } from '../bytes.ts'
import type { AcmeAccount, AcmePurpose, ClientIdentifier, Enrollment, MdmDeps, RawReply } from '../ports.ts'
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
  const { clientIdentifier, enrollment } = await openClientIdentifier(deps, identifier, now)
  const order = await deps.acme.createOrder({
    id: randomWord(deps.random, 16),
    accountId: account.id,
    enrollmentId: enrollment.id,
    purpose: clientIdentifier.purpose,
    identifier,
    token: clientIdentifier.token ?? randomWord(deps.random, TOKEN_BYTES),
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

type Opened = { clientIdentifier: ClientIdentifier; enrollment: Enrollment }

/**
 * A ClientIdentifier with its enrollment, while it may still be used. The same answer for unknown, used and expired, and no event: an
 * old profile in somebody's Downloads must not speak about a Mac that has enrolled with it long ago. A serial number is never one
 * (step-ca's way): everybody can read it off the case, so that it would name the Mac that others want to be.
 */
export async function openClientIdentifier(deps: MdmDeps, identifier: string, now: Date): Promise<Opened> {
  const opened = await deps.enrollments.findByClientIdentifier(sha256(identifier))
  const fault = opened === undefined ? 'unknown' : clientIdentifierFault(opened, now)
  if (opened === undefined || fault !== undefined) {
    deps.log?.warn({ enrollmentId: opened?.enrollment.id, fault }, 'ACME identifier rejected')
    throw new AcmeProblem('rejectedIdentifier', 'this identifier is unknown, used or expired')
  }
  return opened
}

function clientIdentifierFault({ clientIdentifier, enrollment }: Opened, now: Date): string | undefined {
  if (clientIdentifier.protocol !== 'acme') return 'CLIENT_ID_OF_ANOTHER_PROTOCOL'
  if (clientIdentifier.usedAt !== undefined || !awaitsIdentity(enrollment, clientIdentifier.purpose)) return 'CLIENT_ID_REUSED'
  return clientIdentifier.expiresAt <= now ? 'CLIENT_ID_EXPIRED' : undefined
}

/** Whether an enrollment stands where a certificate of this purpose is the next thing. */
export function awaitsIdentity(enrollment: Enrollment, purpose: AcmePurpose): boolean {
  if ((purpose === 'external') !== (enrollment.kind === 'external')) return false
  return STANDING[purpose] === enrollment.state
}

const STANDING = {
  enrollment: 'profile_issued',
  external: 'profile_issued',
  renewal: 'enrolled',
  reattestation: 'enrolled',
} as const satisfies Record<AcmePurpose, Enrollment['state']>
