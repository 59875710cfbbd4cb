import { randomWord, sha256 } from '../bytes.ts'
import { signContent } from '../cms/sign-content.ts'
import type { PlistDict } from '../plist/value.ts'
import { writePlistBytes } from '../plist/write-plist.ts'
import type { Enrollment, MdmDeps, NewClientIdentifier } from '../ports.ts'
import { ACCESS_RIGHTS } from './access-rights.ts'
import { enrollmentProfile } from './profile.ts'

const CODE_TTL_MS = 24 * 3600_000
const CODE_BYTES = 24

/** A fresh one-time code of 192 random bits, and what is kept of it. */
export function newCode(deps: MdmDeps, about: Omit<NewClientIdentifier, 'hash' | 'expiresAt'> & { ttlMs?: number }) {
  const { ttlMs = CODE_TTL_MS, ...rest } = about
  const code = randomWord(deps.random, CODE_BYTES)
  const expiresAt = new Date(deps.clock.now().getTime() + ttlMs)
  return { code, clientIdentifier: { ...rest, hash: sha256(code), expiresAt } }
}

/** The signed profile of an invited Mac, with a fresh code each time until one of them has been used. */
export async function issueProfile(
  deps: MdmDeps,
  enrollment: Enrollment,
): Promise<{ ok: true; profile: Uint8Array } | { ok: false; reason: 'no_topic' | 'used_or_expired' }> {
  const topic = await deps.topic()
  // A Mac keeps the topic of its profile for as long as it is enrolled.
  if (topic === undefined) return { ok: false, reason: 'no_topic' }
  const at = deps.clock.now()
  const { id, identityKind } = enrollment
  const { code, clientIdentifier } = newCode(deps, { protocol: identityKind, purpose: 'enrollment', token: undefined })
  const profile = await signedEnrollmentProfile(deps, { id, identityKind, code, topic, accessRights: ACCESS_RIGHTS })
  if (!(await deps.enrollments.issueProfile({ id, clientIdentifier, accessRights: ACCESS_RIGHTS, at }))) {
    return { ok: false, reason: 'used_or_expired' }
  }
  await deps.events.onProfileIssued({ enrollmentId: id, macId: enrollment.macId, serial: enrollment.serial, at })
  return { ok: true, profile }
}

/** The same for a Mac that is known otherwise than by its link (Automated Device Enrollment). */
export async function issueProfileFor(deps: MdmDeps, enrollmentId: string): Promise<Uint8Array | undefined> {
  const enrollment = await deps.enrollments.find(enrollmentId)
  if (enrollment === undefined || enrollment.kind === 'external') return undefined
  const issued = await issueProfile(deps, enrollment)
  return issued.ok ? issued.profile : undefined
}

export async function signedEnrollmentProfile(
  deps: MdmDeps,
  about: Omit<Parameters<typeof enrollmentProfile>[1], 'trustAnchors'>,
): Promise<Uint8Array> {
  const trustAnchors = (await deps.trustAnchors?.()) ?? []
  return signProfile(deps, enrollmentProfile(deps, { ...about, trustAnchors }))
}

/** By the company's own certificate where it gave one, else by this installation's. */
export async function signProfile(deps: MdmDeps, profile: PlistDict): Promise<Uint8Array> {
  return signContent(writePlistBytes(profile), (await deps.companySigner?.()) ?? deps.profileSigner)
}
