import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { createBackoff } from './backoff.ts'
import { InvitationRefused, requestInvitation } from './invite.ts'
import { describeEnd } from './mac/agent-process.ts'
import { readEnrollment } from './mac/enrollment.ts'
import { EXIT, type MacState } from './mac/report.ts'
import { type Ended, runOnce, startChild } from './supervise.ts'

export type Status = { serial: string; state: MacState | 'inviting' | 'crashed'; detail?: string }
export type Outcome = 'ended' | 'serial-taken'

export type SimulatedMac = {
  serial: string
  directory: string
  appleDirectory: string
  appliance: { url: string; token: string }
  /** Passed on to the Mac as they are. */
  extraArguments: string[]
  onStatus: (status: Status) => void
  signal: AbortSignal
}

const MAIN = join(import.meta.dirname, 'mac/main.ts')
/** The Mac itself gives its agent ten seconds. */
const GRACE_MS = 15_000

/** One Mac under supervision: invited when it needs to be, started again when it crashes, until it is refused or `signal` aborts. */
export async function superviseMac(mac: SimulatedMac): Promise<Outcome> {
  const { signal, directory } = mac
  const backoff = createBackoff({ minMs: 500, maxMs: 30_000 })
  const step = readEnrollment(directory)?.step
  let needsLink = step === undefined || step === 'unenrolled'
  while (!signal.aborted) {
    const link = needsLink ? await invited(mac) : undefined
    if (needsLink && link === undefined) return 'ended'
    const end = await runOnce({ start: () => start(mac, link), graceMs: GRACE_MS, signal })
    if (end.code === EXIT.serialTaken) {
      rmSync(directory, { recursive: true, force: true }) // a Mac that never was
      return 'serial-taken'
    }
    if (isFinal(end) || signal.aborted) return 'ended'
    if (end.code !== EXIT.linkSpent) report(mac, 'crashed', describeEnd(end))
    needsLink = end.code === EXIT.linkSpent || readEnrollment(directory) === undefined
    await backoff.wait(signal).catch(() => {}) // aborted: the loop's condition sees it
  }
  return 'ended'
}

const isFinal = ({ code }: Ended) =>
  [EXIT.stopped, EXIT.refused, EXIT.unenrolled, EXIT.erased, EXIT.inUse, EXIT.badOptions].some((final) => final === code)

/** Waits for an appliance that is away; undefined when it will not have this Mac, or at the end. */
async function invited(mac: SimulatedMac): Promise<string | undefined> {
  report(mac, 'inviting')
  const backoff = createBackoff({ minMs: 500, maxMs: 15_000 })
  try {
    while (!mac.signal.aborted) {
      const link = await requestInvitation({ ...mac.appliance, serial: mac.serial })
      if (link !== undefined) return link
      report(mac, 'waiting', 'the appliance does not answer')
      await backoff.wait(mac.signal).catch(() => {})
    }
  } catch (error) {
    if (!(error instanceof InvitationRefused)) throw error
    report(mac, 'refused', error.message)
  }
  return undefined
}

function start(mac: SimulatedMac, link: string | undefined) {
  const { directory, appleDirectory, serial } = mac
  const linkArguments = link === undefined ? [] : ['--enroll-url', link]
  const places = ['--dir', directory, '--apple', appleDirectory, '--server-url', mac.appliance.url]
  const args = [MAIN, ...places, '--serial', serial, ...linkArguments, ...mac.extraArguments]
  return startChild({ command: process.execPath, args, stdout: 'ignore', stderr: 'inherit' }, (message) => {
    const { state, detail } = message as { state: MacState; detail?: string }
    report(mac, state, detail)
  })
}

const report = ({ serial, onStatus }: SimulatedMac, state: Status['state'], detail?: string) =>
  onStatus({ serial, state, ...(detail === undefined ? {} : { detail }) })
