import { base64url, fromBase64url } from '../bytes.ts'
import { installProfile } from '../commands/install-profile.ts'
import { removeProfile } from '../commands/remove-profile.ts'
import type { Enrollment, Mdm, MdmDeps, Reply } from '../ports.ts'
import { newCode, signedEnrollmentProfile, signProfile } from './issue-profile.ts'
import { reattestationIdentifier, reattestationProfile } from './profile.ts'

const RENEWAL = 'identity-renewal:'
const REATTESTATION = 'reattestation:'
const REMOVAL_KEY = 'reattestation-removal'
const RENEWAL_TTL_MS = 24 * 3600_000
const REMOVAL_TTL_MS = 7 * 24 * 3600_000
/** RFC 8555 §8.3 and draft-ietf-acme-device-attest: at least 128 bits of token. */
const MIN_TOKEN_BYTES = 16
const MAX_TOKEN_BYTES = 96

/** `not_enrolled`: there is no channel to this Mac. `kind`: it is not of a kind for which this can be done. `token`: it is no token. */
export class FurtherIdentityRefused extends Error {
  readonly reason: 'not_enrolled' | 'kind' | 'token'

  constructor(reason: FurtherIdentityRefused['reason'], enrollmentId: string) {
    super(`no further key can be asked of ${enrollmentId}: ${reason}`)
    this.name = 'FurtherIdentityRefused'
    this.reason = reason
  }
}

export type QueueDeps = { deps: MdmDeps } & Pick<Mdm, 'enqueue' | 'cancel'>

/**
 * What was installed for an attestation is removed once the Mac has answered, well or not. A Mac that never answers keeps at most one:
 * the next takes its place.
 */
export async function removeReattestation({ deps, enqueue }: QueueDeps, reply: Reply): Promise<void> {
  if (reply.requestType !== 'InstallProfile') return
  const command = await deps.commands.find(reply.enrollmentId, reply.command)
  if (command?.dedupeKey?.startsWith(REATTESTATION) !== true) return
  const removal = removeProfile(reattestationIdentifier(deps))
  await enqueue(reply.enrollmentId, removal, { dedupeKey: REMOVAL_KEY, ttlMs: REMOVAL_TTL_MS })
}

/**
 * A further hardware-bound key, attested under a token of the caller's choice (reference §7.7). One is asked for at a time: a later
 * wish takes the place of an earlier one, code and command.
 */
export async function reattest(queue: QueueDeps, enrollmentId: string, wish: { token: string; ttlMs: number }): Promise<string> {
  const { deps } = queue
  const bytes = fromBase64url(wish.token)
  if (bytes === undefined || bytes.length < MIN_TOKEN_BYTES || bytes.length > MAX_TOKEN_BYTES) {
    throw new FurtherIdentityRefused('token', enrollmentId)
  }
  const { id } = await attestable(deps, enrollmentId)
  const { code, clientIdentifier } = newCode(deps, { protocol: 'acme', purpose: 'reattestation', token: wish.token, ttlMs: wish.ttlMs })
  const profile = await signProfile(deps, reattestationProfile(deps, { id, code }))
  const at = deps.clock.now()
  if (!(await deps.enrollments.addClientIdentifier({ id, clientIdentifier, at }))) throw new FurtherIdentityRefused('not_enrolled', id)
  await queue.cancel(id, { dedupeKey: REMOVAL_KEY })
  return queue.enqueue(id, installProfile(profile), {
    ...inPlaceOf(REATTESTATION, clientIdentifier),
    ttlMs: wish.ttlMs,
    urgency: 'attestation',
  })
}

/**
 * Renewal without enrolling again (reference §1.9): the enrollment profile is sent once more. Nothing of its MDM payload changes; only
 * the identity that it names does. Kinds never change on the way: an Intel Mac has nothing that ACME could attest.
 */
export async function renewIdentity(queue: QueueDeps, enrollmentId: string): Promise<string> {
  const { deps } = queue
  const enrollment = await deps.enrollments.find(enrollmentId)
  if (enrollment?.state !== 'enrolled' || enrollment.topic === undefined) throw new FurtherIdentityRefused('not_enrolled', enrollmentId)
  const { id, identityKind, topic, accessRights } = enrollment
  if (enrollment.kind === 'external' || (identityKind === 'scep' && deps.scep === undefined)) throw new FurtherIdentityRefused('kind', id)
  const { code, clientIdentifier } = newCode(deps, {
    ...{ protocol: identityKind, purpose: 'renewal', token: undefined },
    ttlMs: RENEWAL_TTL_MS,
  })
  const profile = await signedEnrollmentProfile(deps, { id, identityKind, code, topic, accessRights })
  const at = deps.clock.now()
  if (!(await deps.enrollments.addClientIdentifier({ id, clientIdentifier, at }))) throw new FurtherIdentityRefused('not_enrolled', id)
  return queue.enqueue(id, installProfile(profile), { ...inPlaceOf(RENEWAL, clientIdentifier), ttlMs: RENEWAL_TTL_MS })
}

async function attestable(deps: MdmDeps, enrollmentId: string): Promise<Enrollment> {
  const enrollment = await deps.enrollments.find(enrollmentId)
  if (enrollment?.state !== 'enrolled') throw new FurtherIdentityRefused('not_enrolled', enrollmentId)
  if (enrollment.kind === 'external' || enrollment.identityKind !== 'acme') throw new FurtherIdentityRefused('kind', enrollmentId)
  return enrollment
}

/** One at a time: the command that carries this code cancels those that carry a code which it has replaced. */
const inPlaceOf = (prefix: string, { hash }: { hash: Uint8Array }) => ({
  dedupeKey: `${prefix}${base64url(hash).slice(0, 16)}`,
  supersedes: prefix,
})
