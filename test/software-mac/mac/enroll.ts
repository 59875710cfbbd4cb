import { randomUUID } from 'node:crypto'
import { AcmeRefused } from './acme-session.ts'
import type { AppleLink } from './apple-link.ts'
import { authenticateMessage, setBootstrapTokenMessage, tokenUpdateMessage } from './check-in.ts'
import { type Device, writeDevice } from './device.ts'
import { type Enrollment, forgetEnrollment, readEnrollment, writeEnrollment } from './enrollment.ts'
import { type Reply, send } from './http.ts'
import { ACME_PAYLOAD, type InstallDeps, MDM_PAYLOAD, obtainFor, ofType, removeProfile } from './install-profile.ts'
import { openDeviceKey, signMachineInfo, spkiOf } from './machine-info.ts'
import { type MdmClient, MdmRefused } from './mdm-client.ts'
import { mdmPayload, type Profile, ProfileError, readProfile } from './profile.ts'
import { readSystem } from './system-state.ts'

/** 404 or 410 at the enrollment link. */
export class LinkSpent extends Error {}

export type EnrollDeps = {
  install: InstallDeps
  device: () => Device
  client: MdmClient
  pushToken: (topic: string) => Promise<string>
  enrollUrl: string | undefined
  /** Undefined: no Setup Assistant, the profile is installed from a link. */
  setupAssistant: AppleLink | undefined
  /** Where an address of Apple's profile is reached now. */
  reach: (url: string) => string
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

async function fetchProfile({ install, enrollUrl, setupAssistant, device, reach }: EnrollDeps): Promise<void> {
  const { reply, ...how } = await (setupAssistant === undefined
    ? fromLink(enrollUrl, install.signal)
    : fromSetupAssistant({ install, device: device(), link: setupAssistant, reach }))
  const type = reply.headers.get('content-type')?.split(';')[0]
  if (type !== 'application/x-apple-aspen-config') throw new ProfileError(`a profile does not come as ${type}`)
  const profile = readProfile(reply.body)
  const mdm = onlyMdm(profile)
  install.profiles.save(profile, reply.body)
  if (how.isAutomated === true) writeDevice(install.directory, { ...device(), isEnrolledViaAde: true })
  const begun = { step: 'profile', profileIdentifier: profile.identifier, mdm, pushMagic: randomUUID().toUpperCase() } as const
  writeEnrollment(install.directory, { ...begun, ...how })
}

type Fetched = { reply: Reply; isAutomated?: boolean; isAwaitingConfiguration?: boolean }

async function fromLink(enrollUrl: string | undefined, signal: AbortSignal): Promise<Fetched> {
  if (enrollUrl === undefined) throw new LinkSpent('no enrollment link was given')
  const reply = await send({ url: enrollUrl, method: 'GET', signal })
  if (reply.status !== 200) throw new LinkSpent(`the enrollment link answered ${reply.status}`)
  return { reply }
}

/** Apple: Setup Assistant asks Apple for its assignment, and POSTs its signed MachineInfo to the address that it is told. */
async function fromSetupAssistant(options: {
  install: InstallDeps
  device: Device
  link: AppleLink
  reach: (url: string) => string
}): Promise<Fetched> {
  const { install, device, link, reach } = options
  const { signal, directory, misbehaviour } = install
  const key = openDeviceKey(directory)
  const { certificate, profile } = await link.activate(device.serial, spkiOf(key), signal)
  if (profile === undefined) throw new LinkSpent('Apple has no profile for this Mac')
  const body = signMachineInfo({ device, key, certificate, misbehaviour, at: new Date() })
  const headers = { 'content-type': 'application/pkcs7-signature' }
  const reply = await send({ url: reach(profile.url), method: 'POST', headers, body, signal })
  if (reply.status === 403 && isUpdateRequired(reply)) throw new ProfileError('the server wants a newer macOS first')
  if (reply.status !== 200) throw new ProfileError(`the server answered ${reply.status} to the MachineInfo: ${wordsOf(reply)}`)
  return { reply, isAutomated: true, isAwaitingConfiguration: profile.await_device_configured === true }
}

/** What the server says beside its status, cut to what fits into a line. */
const wordsOf = ({ body }: Reply): string => Buffer.from(body).toString().slice(0, 500)

/** Apple: com.apple.softwareupdate.required. */
function isUpdateRequired({ body }: Reply): boolean {
  try {
    return (JSON.parse(Buffer.from(body).toString()) as { code?: unknown }).code === 'com.apple.softwareupdate.required'
  } catch {
    return false
  }
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
  advance(install.directory, { step: 'authenticated', isBootstrapTokenEscrowed: false })
}

export async function updateToken({ install, device, client, pushToken }: EnrollDeps): Promise<void> {
  const enrollment = readEnrollment(install.directory)
  if (enrollment === undefined) throw new TypeError('no enrollment')
  const token = await pushToken(enrollment.mdm.topic)
  await client.checkIn(tokenUpdateMessage(device(), enrollment, token))
  advance(install.directory, { step: 'enrolled', token })
}

/** The bootstrap token goes into escrow once the profile says that the server takes it; a server that refuses is asked at the next start. */
export async function escrowBootstrapToken({ install, device, client }: EnrollDeps): Promise<void> {
  const enrollment = readEnrollment(install.directory)
  if (enrollment === undefined || enrollment.isBootstrapTokenEscrowed === true || !device().isSupervised) return
  if (!(enrollment.mdm.serverCapabilities ?? []).includes('com.apple.mdm.bootstraptoken')) return
  if (install.misbehaviour.bootstrapToken === 'never-set') return
  await client.checkIn(setBootstrapTokenMessage(device(), enrollment, readSystem(install.directory).bootstrapToken))
  advance(install.directory, { isBootstrapTokenEscrowed: true })
}

/** Setup Assistant goes on; the next TokenUpdate says so. */
export async function goOnFromSetupAssistant(deps: EnrollDeps): Promise<void> {
  if (readEnrollment(deps.install.directory)?.isAwaitingConfiguration !== true) return
  advance(deps.install.directory, { isAwaitingConfiguration: false })
  await updateToken(deps)
}
