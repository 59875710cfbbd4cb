import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { keepAgent } from './agent-process.ts'
import { createCommandLoop } from './command-loop.ts'
import type { CommandContext, Deed } from './commands/command.ts'
import { synchronize } from './declarations.ts'
import { newBootSession, writeDevice } from './device.ts'
import { type EnrollDeps, goOnFromSetupAssistant } from './enroll.ts'
import { known } from './enrollment.ts'
import { eraseMac } from './erase.ts'
import { ServerAway } from './http.ts'
import { installApplication } from './install-application.ts'
import { MdmRefused } from './mdm-client.ts'
import type { MacOptions } from './options.ts'
import { startPlatformSso } from './platform-sso.ts'
import { ProfileError } from './profile.ts'
import { EXIT, type Report } from './report.ts'
import { readSystem } from './system-state.ts'

type LiveDeps = {
  options: MacOptions
  enroll: EnrollDeps
  report: Report
  /** Rung by a push. */
  wakes: { now: () => void }
  reach: (url: string) => string
  /** Told to stop; and that, or the Mac's own end. */
  outer: AbortSignal
  signal: AbortSignal
  leave: (reason: string) => Promise<number>
}

/** Ends the Mac's life of this run with an exit code. */
class Ending extends Error {
  readonly code: () => Promise<number>
  constructor(code: () => Promise<number>) {
    super('the Mac ends')
    this.code = code
  }
}

const agentVersion = (JSON.parse(readFileSync(join(import.meta.dirname, '../../../package.json'), 'utf8')) as { version: string }).version

/** Enrolled: the agent runs, commands are answered, until the Mac stops, leaves, or is no more. */
export async function live(deps: LiveDeps): Promise<number> {
  const { options, report, signal } = deps
  const { install, device, client } = deps.enroll
  const { directory } = install
  const due: Deed[] = []
  const change: CommandContext['change'] = (changes) => writeDevice(directory, { ...device(), ...changes })
  const agent = createAgentKeeper(deps)
  const loop = createCommandLoop({
    client,
    context: () => ({
      ...install,
      device,
      change,
      accessRights: known(directory).mdm.accessRights,
      enrollmentIdentifier: known(directory).profileIdentifier,
      agentVersion,
      later: (deed) => due.push(deed),
    }),
    isAsleep: () => options.isAsleep || existsSync(join(directory, 'asleep')),
    onCommand: (requestType, status) => report('command', `${requestType} ${status}`),
    onTrouble: (why) => report('waiting', why),
    async afterwards() {
      for (const deed of due.splice(0)) await perform(deed)
    },
    signal,
  })

  async function perform(deed: Deed): Promise<void> {
    switch (deed.kind) {
      case 'reboot':
        return reboot()
      case 'lock':
        await reboot({ until: untilUnlocked })
        return
      case 'shut-down':
        change({ bootSession: newBootSession() })
        throw new Ending(async () => ended('shut-down', EXIT.stopped))
      case 'erase':
        throw new Ending(async () => {
          eraseMac(directory)
          return ended('erased', EXIT.erased)
        })
      case 'leave':
        throw new Ending(() => deps.leave(deed.reason))
      case 'configured':
        await goOnFromSetupAssistant(deps.enroll).finally(agent.start)
        return
      case 'install':
        return void install_(deed.source)
      case 'declarations':
        return declare()
      default:
        deed satisfies never
    }
  }

  function ended(state: 'shut-down' | 'erased', code: number): number {
    report(state)
    return code
  }

  async function reboot(how: { until?: () => Promise<void> } = {}): Promise<void> {
    await agent.stop()
    await how.until?.()
    change({ bootSession: newBootSession() })
    agent.start()
  }

  /** Nothing of macOS runs behind the lock; somebody at the Mac types the PIN, which takes `lockedWith` out of `system.json`. */
  async function untilUnlocked(): Promise<void> {
    report('locked')
    while (readSystem(directory).lockedWith !== undefined) await sleep(LOCK_WATCH_MS, undefined, { signal })
  }

  /** Not waited for: a Mac goes on answering while it downloads. */
  async function install_(source: Extract<Deed, { kind: 'install' }>['source']): Promise<void> {
    try {
      const { identifier, version } = await installApplication({ source, directory, signal })
      report('installed', `${identifier} ${version}`)
    } catch (error) {
      if (!signal.aborted) report('waiting', error instanceof Error ? error.message : String(error))
    }
  }

  async function declare(): Promise<void> {
    const { misbehaviour } = options
    try {
      await synchronize({ directory, device, ask: (message) => client.checkIn(message), misbehaviour, signal })
      report('declarations')
    } catch (error) {
      // What is declared stays as it is; the server's next command begins anew.
      if (!(error instanceof ServerAway || error instanceof MdmRefused || error instanceof ProfileError)) throw error
      report('waiting', error.message)
    }
  }

  const sso = options.hasPlatformSso ? await startPlatformSso({ ...install, signal }) : undefined
  try {
    if (readSystem(directory).lockedWith !== undefined) await untilUnlocked()
    agent.start()
    deps.wakes.now = loop.wake
    await loop.run()
    return EXIT.stopped
  } catch (error) {
    if (error instanceof Ending) {
      await agent.stop()
      return await error.code()
    }
    throw error
  } finally {
    sso?.close()
    await agent.stop()
  }
}

const LOCK_WATCH_MS = 250

/** launchd's part; in Setup Assistant there is no agent yet. */
function createAgentKeeper({ options, enroll, report, reach, outer }: LiveDeps): { start(): void; stop(): Promise<void> } {
  const { directory } = enroll.install
  let stopNow: (() => Promise<void>) | undefined
  return {
    start() {
      const settings = options.agent
      if (known(directory).isAwaitingConfiguration === true) report('awaiting-configuration')
      if (settings === undefined || stopNow !== undefined || known(directory).isAwaitingConfiguration === true) return
      const ending = new AbortController()
      const running = keepAgent({
        directory,
        serverUrl: new URL(reach(known(directory).mdm.serverUrl)).origin,
        settings,
        onState: (state, detail) => report(`agent-${state}`, detail),
        signal: AbortSignal.any([outer, ending.signal]),
      })
      stopNow = () => {
        ending.abort()
        return running
      }
    },
    async stop() {
      const stop = stopNow
      stopNow = undefined
      await stop?.()
    },
  }
}
