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

/** InstallProfile: identities first, since the MDM payload of a renewal names one. The profile counts once all of it is in place. */
export async function installProfile(bytes: Uint8Array, deps: InstallDeps): Promise<Profile> {
  const profile = readProfile(bytes)
  const replaced = deps.profiles.find(profile.identifier)
  for (const payload of ofType(profile, ACME_PAYLOAD)) await obtainFor(payload, deps)
  for (const payload of ofType(profile, TICKET_PAYLOAD)) placeTicket(deps.directory, payload)
  for (const payload of ofType(profile, MDM_PAYLOAD)) renewEnrollment(mdmPayload(payload), deps)
  deps.profiles.save(profile, bytes)
  if (replaced !== undefined) withdrawLeftovers(replaced, profile, deps)
  return profile
}

/** RemoveProfile, with everything that its payloads brought. */
export function removeProfile(profile: Profile, deps: InstallDeps): void {
  deps.profiles.remove(profile.identifier)
  for (const payload of profile.payloads) withdraw(payload, deps)
}

export const ofType = (profile: Profile, type: string) => profile.payloads.filter((payload) => payload.type === type)

export async function obtainFor(payload: Payload, deps: InstallDeps): Promise<void> {
  const acme = acmePayload(payload)
  if (deps.identities.find(acme.uuid) !== undefined) return // the same profile again
  const keyName = deps.identities.keyName(acme.uuid)
  deps.identities.save(acme.uuid, await obtainIdentity({ ...deps, payload: acme, keyName }))
}

/** Apple: these keys of an enrollment never change in an update, and no right is ever added. */
function renewEnrollment(mdm: MdmPayload, deps: InstallDeps): void {
  const enrollment = readEnrollment(deps.directory)
  if (enrollment === undefined) throw new ProfileError('an MDM payload is installed by enrolling')
  const { topic, serverUrl, checkInUrl, accessRights } = enrollment.mdm
  const isSame = mdm.topic === topic && mdm.serverUrl === serverUrl && mdm.checkInUrl === checkInUrl
  if (!isSame || (mdm.accessRights & ~accessRights) !== 0) throw new ProfileError('an update may not change the enrollment')
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
