import { obtainIdentity } from './acme.ts'
import type { Attestor } from './attestor.ts'
import { type Enrollment, readEnrollment, writeEnrollment } from './enrollment.ts'
import type { IdentityStore } from './identity-store.ts'
import { placeTicket, TICKET_PAYLOAD, withdrawTicket } from './managed-ticket.ts'
import type { Misbehaviour } from './misbehaviour.ts'
import { acmePayload, type MdmPayload, mdmPayload, type Payload, type Profile, ProfileError, readProfile } from './profile.ts'
import type { ProfileStore } from './profile-store.ts'
import type { SecureEnclave } from './secure-enclave.ts'

export type InstallDeps = {
  directory: string
  profiles: ProfileStore
  identities: IdentityStore
  enclave: SecureEnclave
  attestor: Attestor
  misbehaviour: Misbehaviour
  signal: AbortSignal
}

export const MDM_PAYLOAD = 'com.apple.mdm'
export const ACME_PAYLOAD = 'com.apple.security.acme'

/**
 * InstallProfile: what can be refused at once, then the identities, since the MDM payload of a renewal names one. The profile counts
 * once all of it is in place; until then the Mac is what it was, and what was obtained for nothing goes.
 */
export async function installProfile(bytes: Uint8Array, deps: InstallDeps): Promise<Profile> {
  const profile = readProfile(bytes)
  const replaced = deps.profiles.find(profile.identifier)
  const renewal = renewalIn(profile, deps)
  if (renewal !== undefined && deps.misbehaviour.renewal === 'fails') throw new ProfileError('the profile could not be installed')
  const obtained: Payload[] = []
  try {
    for (const payload of ofType(profile, ACME_PAYLOAD)) if (await obtainFor(payload, deps)) obtained.push(payload)
  } catch (error) {
    for (const { uuid } of obtained) if (!isOf(replaced, uuid)) deps.identities.remove(uuid)
    throw error
  }
  if (renewal !== undefined && deps.misbehaviour.renewal !== 'keeps-old') renewEnrollment(renewal, deps)
  for (const payload of ofType(profile, TICKET_PAYLOAD)) placeTicket(deps.directory, payload)
  deps.profiles.save(profile, bytes)
  if (replaced !== undefined && deps.misbehaviour.renewal !== 'keeps-old') withdrawLeftovers(replaced, profile, deps)
  return profile
}

/** RemoveProfile, with everything that its payloads brought. */
export function removeProfile(profile: Profile, deps: InstallDeps): void {
  deps.profiles.remove(profile.identifier)
  for (const payload of profile.payloads) withdraw(payload, deps)
}

export const ofType = (profile: Profile, type: string) => profile.payloads.filter((payload) => payload.type === type)

/** True when there was something to obtain: the same payload again, as after a kill, brings nothing new. */
export async function obtainFor(payload: Payload, deps: InstallDeps): Promise<boolean> {
  const acme = acmePayload(payload)
  const order = `${acme.directoryUrl} ${acme.clientIdentifier}`
  if (deps.identities.stored(acme.uuid)?.order === order && deps.identities.find(acme.uuid) !== undefined) return false
  const keyName = deps.identities.newKeyName(acme.uuid)
  try {
    deps.identities.save(acme.uuid, { keyName, order, chainPem: await obtainIdentity({ ...deps, payload: acme, keyName }) })
    return true
  } catch (error) {
    deps.enclave.remove(keyName)
    throw error
  }
}

const isOf = (profile: Profile | undefined, uuid: string) => profile?.payloads.some((payload) => payload.uuid === uuid) === true

/** Apple: these keys of an enrollment never change in an update, and no right is ever added; nor do user connections come or go. */
function renewalIn(profile: Profile, { directory }: InstallDeps): MdmPayload | undefined {
  const [payload] = ofType(profile, MDM_PAYLOAD)
  if (payload === undefined) return undefined
  const mdm = mdmPayload(payload)
  const enrollment = readEnrollment(directory)
  if (enrollment === undefined) throw new ProfileError('an MDM payload is installed by enrolling')
  if (profile.identifier !== enrollment.profileIdentifier) throw new ProfileError('this Mac is managed already')
  const { topic, serverUrl, checkInUrl, accessRights } = enrollment.mdm
  const isSame = mdm.topic === topic && mdm.serverUrl === serverUrl && mdm.checkInUrl === checkInUrl
  if (!isSame || (mdm.accessRights & ~accessRights) !== 0) throw new ProfileError('an update may not change the enrollment')
  if (hasUserConnections(mdm) !== hasUserConnections(enrollment.mdm)) throw new ProfileError('an update may not change the enrollment')
  if (!ofType(profile, ACME_PAYLOAD).some(({ uuid }) => uuid === mdm.identityUuid)) throw new ProfileError('the identity is missing')
  return mdm
}

const hasUserConnections = ({ serverCapabilities }: MdmPayload) => (serverCapabilities ?? []).includes('com.apple.mdm.per-user-connections')

function renewEnrollment(mdm: MdmPayload, deps: InstallDeps): void {
  const enrollment = readEnrollment(deps.directory)
  if (enrollment === undefined) throw new TypeError('no enrollment to renew')
  if (deps.identities.find(mdm.identityUuid) === undefined) throw new ProfileError('the identity is missing')
  writeEnrollment(deps.directory, { ...enrollment, mdm } satisfies Enrollment)
}

function withdrawLeftovers(before: Profile, after: Profile, deps: InstallDeps): void {
  const kept = new Set(after.payloads.map(({ uuid }) => uuid))
  for (const payload of before.payloads) if (!kept.has(payload.uuid)) withdraw(payload, deps)
}

function withdraw(payload: Payload, deps: InstallDeps): void {
  if (payload.type === TICKET_PAYLOAD) withdrawTicket(deps.directory, payload)
  if (payload.type === ACME_PAYLOAD) deps.identities.remove(payload.uuid)
}
