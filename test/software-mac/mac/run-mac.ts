import { createBackoff } from '../backoff.ts'
import { createAppleLink } from './apple-link.ts'
import { createAttestor } from './attestor.ts'
import { checkOutMessage, getBootstrapTokenMessage } from './check-in.ts'
import { type CourierClient, keepCourier } from './courier-client.ts'
import { type Device, manufacture, readDevice, withPosture, writeDevice } from './device.ts'
import { authenticate, type EnrollDeps, enroll, escrowBootstrapToken, updateToken } from './enroll.ts'
import { forgetEnrollment, known, readEnrollment, writeEnrollment } from './enrollment.ts'
import { ServerAway } from './http.ts'
import { openIdentityStore } from './identity-store.ts'
import { type InstallDeps, removeProfile } from './install-profile.ts'
import { live } from './live.ts'
import { createMdmClient, MdmRefused, Unrecognized } from './mdm-client.ts'
import type { MacOptions } from './options.ts'
import { readDict } from './plist/read.ts'
import { openProfileStore } from './profile-store.ts'
import { EXIT, type Report } from './report.ts'
import { openSecureEnclave } from './secure-enclave.ts'
import { readSystem } from './system-state.ts'

/** One Mac from power-on to power-off; returns its exit code. Refusals for good are thrown; being away is waited out. */
export async function runMac(options: MacOptions, report: Report, outer: AbortSignal): Promise<number> {
  const over = new AbortController()
  const signal = AbortSignal.any([outer, over.signal])
  const { directory } = options
  const device = powerOn(options)
  report('starting', device().serial)

  const enclave = openSecureEnclave(directory)
  const link = createAppleLink(options.appleDirectory, enclave.open('factory', 'P-256'))
  await retry(
    () => link.manufacture(device(), signal),
    signal,
    (why) => report('waiting', why),
  )
  const wakes = { now: () => {} }
  const courier = keepCourier({
    serial: device().serial,
    link,
    signal,
    onPush: ({ magic }) => (magic === readEnrollment(directory)?.pushMagic ? wakes.now() : undefined),
  })
  const attestor = createAttestor({ directory, link, device, misbehaviour: options.misbehaviour })
  const install: InstallDeps = {
    directory,
    profiles: openProfileStore(directory),
    identities: openIdentityStore(directory, enclave),
    enclave,
    attestor,
    misbehaviour: options.misbehaviour,
    signal,
  }
  const reach = (url: string): string => reachable(url, options.serverAddress)
  const client = createMdmClient({ enrollment: () => known(directory), identity: () => identityOf(install), reach, signal })
  const deps: EnrollDeps = {
    install,
    device,
    client,
    pushToken: courier.token,
    enrollUrl: options.enrollUrl,
    setupAssistant: options.isAutomated ? link : undefined,
    reach,
  }
  const patiently = (step: () => Promise<void>) => retry(step, signal, (why) => report('waiting', why))

  try {
    if (readEnrollment(directory)?.step === 'unenrolled') {
      if (options.enrollUrl === undefined && !options.isAutomated) return EXIT.unenrolled
      forgetEnrollment(directory)
    }
    if (readEnrollment(directory)?.step !== 'enrolled') report('enrolling')
    await patiently(() => enroll(deps))
    if (options.unenrolls) return await leave('this Mac was told to leave')
    if (options.reauthenticates) await patiently(() => startOver(deps))
    if (options.rotatesToken) await patiently(() => rotateToken(deps, courier))
    await patiently(() => escrow(deps, report))
    if (options.getsBootstrapToken) report('bootstrap-token', await fetchBootstrapToken(deps))
    report('enrolled')
    return await live({ options, enroll: deps, report, wakes, reach, outer, signal, leave })
  } catch (error) {
    if (error instanceof Unrecognized) return leave(error.message, { isSilent: true })
    if (outer.aborted) return EXIT.stopped
    throw error
  } finally {
    over.abort()
  }

  /** CheckOut is best effort; what the profile brought goes in any case. */
  async function leave(reason: string, how: { isSilent?: boolean } = {}): Promise<number> {
    const enrollment = known(directory)
    if (enrollment.mdm.checkOutWhenRemoved && how.isSilent !== true) {
      await client.checkIn(checkOutMessage(device(), enrollment)).catch(() => {})
    }
    if (enrollment.token !== undefined) courier.unregister(enrollment.token)
    for (const profile of install.profiles.list()) removeProfile(profile, install)
    writeEnrollment(directory, { ...enrollment, step: 'unenrolled', reason })
    report('unenrolled', reason)
    return EXIT.unenrolled
  }
}

/** The stored Mac, or a new one; the returned function reads it as it is at the moment. */
function powerOn(options: MacOptions): () => Device {
  const stored = readDevice(options.directory)
  const found = stored ?? manufacture(options.serial ?? 'ESPSIM000001')
  const device = withPosture(found, options.posture, options.isRebooted && stored !== undefined)
  if (device !== stored) writeDevice(options.directory, device)
  return () => readDevice(options.directory) ?? device
}

/** A server that will not have the token is no reason not to be managed. */
async function escrow(deps: EnrollDeps, report: Report): Promise<void> {
  try {
    await escrowBootstrapToken(deps)
  } catch (error) {
    if (!(error instanceof MdmRefused)) throw error
    report('waiting', error.message)
  }
}

/** Apple gives another token once the one before was let go. */
async function rotateToken(deps: EnrollDeps, courier: CourierClient): Promise<void> {
  const enrollment = known(deps.install.directory)
  await courier.token(enrollment.mdm.topic)
  if (enrollment.token !== undefined) courier.unregister(enrollment.token)
  await updateToken(deps)
}

/** As before a software update: the server's copy is compared with the Mac's own. */
async function fetchBootstrapToken({ install, device, client }: EnrollDeps): Promise<'same' | 'another' | 'none'> {
  const body = await client.checkIn(getBootstrapTokenMessage(device()))
  const token = body.length === 0 ? undefined : readDict(body).BootstrapToken
  if (!(token instanceof Uint8Array) || token.length === 0) return 'none'
  return Buffer.from(token).toString('base64') === readSystem(install.directory).bootstrapToken ? 'same' : 'another'
}

async function startOver(deps: EnrollDeps): Promise<void> {
  await authenticate(deps)
  await updateToken(deps)
}

/** The server's name may lead to another address than when this Mac enrolled: what DNS does for real Macs, done for localhost. */
function reachable(url: string, serverAddress: string | undefined): string {
  if (serverAddress === undefined) return url
  const { pathname, search } = new URL(url)
  return new URL(pathname + search, serverAddress).href
}

function identityOf(install: InstallDeps) {
  const identity = install.identities.find(known(install.directory).mdm.identityUuid)
  if (identity === undefined) throw new TypeError('the MDM identity is missing')
  return identity
}

/** Repeats what failed only because somebody was away. */
async function retry(step: () => Promise<void>, signal: AbortSignal, onAway: (why: string) => void): Promise<void> {
  for (const backoff = createBackoff({ minMs: 250, maxMs: 30_000 }); ; ) {
    try {
      return await step()
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof ServerAway)) throw error
      onAway(error.message)
      await backoff.wait(signal)
    }
  }
}
