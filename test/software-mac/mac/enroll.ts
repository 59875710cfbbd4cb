import { randomUUID } from 'node:crypto'
import { AcmeRefused } from './acme-session.ts'
import { authenticateMessage, tokenUpdateMessage } from './check-in.ts'
import type { Device } from './device.ts'
import { type Enrollment, forgetEnrollment, readEnrollment, writeEnrollment } from './enrollment.ts'
import { send } from './http.ts'
import { ACME_PAYLOAD, type InstallDeps, MDM_PAYLOAD, obtainFor, ofType, removeProfile } from './install-profile.ts'
import { type MdmClient, MdmRefused } from './mdm-client.ts'
import { mdmPayload, type Profile, ProfileError, readProfile } from './profile.ts'

/** 404 or 410 at the enrollment link. */
export class LinkSpent extends Error {}

export type EnrollDeps = {
  install: InstallDeps
  device: () => Device
  client: MdmClient
  pushToken: (topic: string) => Promise<string>
  enrollUrl: string | undefined
}

/** From a link to a managed Mac. Every step begins where the directory says the last one ended; a refusal leaves nothing behind. */
export async function enroll(deps: EnrollDeps): Promise<void> {
  const isResumed = readEnrollment(deps.install.directory) !== undefined
  try {
    await takeSteps(deps)
  } catch (error) {
    if (!(error instanceof AcmeRefused || error instanceof MdmRefused || error instanceof ProfileError)) throw error
    for (const profile of deps.install.profiles.list()) removeProfile(profile, deps.install)
    forgetEnrollment(deps.install.directory)
    // What was begun before a kill may have used up its one-time code: that says nothing against this Mac.
    throw isResumed ? new LinkSpent(error.message, { cause: error }) : error
  }
}

async function takeSteps(deps: EnrollDeps): Promise<void> {
  const { directory } = deps.install
  if (readEnrollment(directory) === undefined) await fetchProfile(deps)
  if (stepOf(directory) === 'profile') await installIdentities(deps)
  if (stepOf(directory) === 'identity') await authenticate(deps)
  if (stepOf(directory) === 'authenticated') await updateToken(deps)
}

const stepOf = (directory: string) => readEnrollment(directory)?.step

function advance(directory: string, change: Partial<Enrollment>): void {
  const enrollment = readEnrollment(directory)
  if (enrollment === undefined) throw new TypeError('no enrollment to advance')
  writeEnrollment(directory, { ...enrollment, ...change })
}

async function fetchProfile({ install, enrollUrl }: EnrollDeps): Promise<void> {
  if (enrollUrl === undefined) throw new LinkSpent('no enrollment link was given')
  const reply = await send({ url: enrollUrl, method: 'GET', signal: install.signal })
  if (reply.status !== 200) throw new LinkSpent(`the enrollment link answered ${reply.status}`)
  const type = reply.headers.get('content-type')?.split(';')[0]
  if (type !== 'application/x-apple-aspen-config') throw new ProfileError(`a profile does not come as ${type}`)
  const profile = readProfile(reply.body)
  const mdm = onlyMdm(profile)
  install.profiles.save(profile, reply.body)
  writeEnrollment(install.directory, { step: 'profile', profileIdentifier: profile.identifier, mdm, pushMagic: randomUUID().toUpperCase() })
}

function onlyMdm(profile: Profile) {
  const [payload, second] = ofType(profile, MDM_PAYLOAD)
  if (payload === undefined || second !== undefined) throw new ProfileError('an enrollment profile has exactly one MDM payload')
  const mdm = mdmPayload(payload)
  const hasIdentity = ofType(profile, ACME_PAYLOAD).some(({ uuid }) => uuid === mdm.identityUuid)
  if (!hasIdentity) throw new ProfileError('IdentityCertificateUUID names no ACME payload')
  return mdm
}

async function installIdentities({ install }: EnrollDeps): Promise<void> {
  const profile = install.profiles.find(readEnrollment(install.directory)?.profileIdentifier ?? '')
  if (profile === undefined) throw new ProfileError('the enrollment profile is gone')
  for (const payload of ofType(profile, ACME_PAYLOAD)) await obtainFor(payload, install)
  advance(install.directory, { step: 'identity' })
}

export async function authenticate({ install, device, client }: EnrollDeps): Promise<void> {
  const enrollment = readEnrollment(install.directory)
  if (enrollment === undefined) throw new TypeError('no enrollment')
  await client.checkIn(authenticateMessage(device(), enrollment))
  advance(install.directory, { step: 'authenticated' })
}

export async function updateToken({ install, device, client, pushToken }: EnrollDeps): Promise<void> {
  const enrollment = readEnrollment(install.directory)
  if (enrollment === undefined) throw new TypeError('no enrollment')
  const token = await pushToken(enrollment.mdm.topic)
  await client.checkIn(tokenUpdateMessage(device(), enrollment, token))
  advance(install.directory, { step: 'enrolled', token })
}
