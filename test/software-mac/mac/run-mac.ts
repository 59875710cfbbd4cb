import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createBackoff } from '../backoff.ts'
import { keepAgent } from './agent-process.ts'
import { createAppleLink } from './apple-link.ts'
import { createAttestor } from './attestor.ts'
import { checkOutMessage } from './check-in.ts'
import { createCommandLoop } from './command-loop.ts'
import type { CommandContext } from './commands/command.ts'
import { keepCourier } from './courier-client.ts'
import { type Device, manufacture, newBootSession, readDevice, withPosture, writeDevice } from './device.ts'
import { authenticate, type EnrollDeps, enroll, updateToken } from './enroll.ts'
import { type Enrollment, forgetEnrollment, readEnrollment, writeEnrollment } from './enrollment.ts'
import { ServerAway } from './http.ts'
import { openIdentityStore } from './identity-store.ts'
import { type InstallDeps, removeProfile } from './install-profile.ts'
import { createMdmClient, Unrecognized } from './mdm-client.ts'
import type { MacOptions } from './options.ts'
import { openProfileStore } from './profile-store.ts'
import { EXIT, type Report } from './report.ts'
import { openSecureEnclave } from './secure-enclave.ts'

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
  const deps: EnrollDeps = { install, device, client, pushToken: courier.token, enrollUrl: options.enrollUrl }

  try {
    if (readEnrollment(directory)?.step === 'unenrolled') {
      if (options.enrollUrl === undefined) return EXIT.unenrolled
      forgetEnrollment(directory)
    }
    if (readEnrollment(directory)?.step !== 'enrolled') report('enrolling')
    await retry(
      () => enroll(deps),
      signal,
      (why) => report('waiting', why),
    )
    if (options.unenrolls) return await leave('this Mac was told to leave')
    if (options.reauthenticates)
      await retry(
        () => startOver(deps),
        signal,
        (why) => report('waiting', why),
      )
    report('enrolled')
    return await live()
  } catch (error) {
    if (error instanceof Unrecognized) return leave(error.message, { isSilent: true })
    if (outer.aborted) return EXIT.stopped
    throw error
  } finally {
    over.abort()
  }

  /** Enrolled: the agent runs, commands are answered, until the Mac stops or leaves. */
  async function live(): Promise<number> {
    const due: { reboot?: boolean; leave?: string } = {}
    const context = (): CommandContext => ({
      ...install,
      device,
      accessRights: known(directory).mdm.accessRights,
      enrollmentIdentifier: known(directory).profileIdentifier,
      agentVersion,
      rebootLater: () => {
        due.reboot = true
      },
      unenrollLater: (reason) => {
        due.leave = reason
      },
    })
    let agent = startAgent()
    const loop = createCommandLoop({
      client,
      context,
      isAsleep: () => options.isAsleep || existsSync(join(directory, 'asleep')),
      onCommand: (requestType, status) => report('command', `${requestType} ${status}`),
      onTrouble: (why) => report('waiting', why),
      async afterwards() {
        if (due.leave !== undefined) throw new Leaving(due.leave)
        if (due.reboot !== true) return
        due.reboot = false
        await agent.stop()
        writeDevice(directory, { ...device(), bootSession: newBootSession() })
        agent = startAgent()
      },
      signal,
    })
    wakes.now = loop.wake
    try {
      await loop.run()
      return EXIT.stopped
    } catch (error) {
      if (error instanceof Leaving) return await leave(error.message)
      throw error
    } finally {
      await agent.stop()
    }
  }

  function startAgent(): { stop(): Promise<void> } {
    const settings = options.agent
    if (settings === undefined) return { stop: () => Promise.resolve() }
    const ending = new AbortController()
    const running = keepAgent({
      directory,
      serverUrl: new URL(reach(known(directory).mdm.serverUrl)).origin,
      settings,
      onState: (state, detail) => report(`agent-${state}`, detail),
      signal: AbortSignal.any([outer, ending.signal]),
    })
    return {
      stop() {
        ending.abort()
        return running
      },
    }
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

class Leaving extends Error {}

const agentVersion = (JSON.parse(readFileSync(join(import.meta.dirname, '../../../package.json'), 'utf8')) as { version: string }).version

/** The stored Mac, or a new one; the returned function reads it as it is at the moment. */
function powerOn(options: MacOptions): () => Device {
  const stored = readDevice(options.directory)
  const found = stored ?? manufacture(options.serial ?? 'ESPSIM000001')
  const device = withPosture(found, options.posture, options.isRebooted && stored !== undefined)
  if (device !== stored) writeDevice(options.directory, device)
  return () => readDevice(options.directory) ?? device
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

function known(directory: string): Enrollment {
  const enrollment = readEnrollment(directory)
  if (enrollment === undefined) throw new TypeError('this Mac has no enrollment')
  return enrollment
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
