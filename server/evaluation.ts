import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Log } from './log.ts'

/**
 * Evaluation mode: Apple and two Macs made of software, each in processes of their own, which speak to the appliance only over
 * the protocols that real ones use. The appliance never holds the evaluation root's key; it reads certificates like anyone else.
 */
export type SoftwareApple = {
  attestationRootPem: string
  push: { certificatePem: string; keyPem: string }
  /** Where its push service listens now; it may move when it restarts. */
  pushEndpoint(): Promise<{ url: string; caPem: string }>
  /** In place of Apple's device authority, under which a Mac in Setup Assistant signs its MachineInfo. */
  deviceCaPem: string
  /** Where its Automated Device Enrollment listens now. */
  enrollmentUrl(): Promise<string>
}

const ROOT = new URL('..', import.meta.url).pathname

/** Has the software Apple make its keys and certificates, if it has none yet, and reads what it publishes. */
export async function prepareSoftwareApple(dir: string): Promise<SoftwareApple> {
  await promisify(execFile)(process.execPath, [join(ROOT, 'test/software-mac/apple/main.ts'), '--dir', dir, '--init-only'])
  const read = (name: string) => readFile(join(dir, name), 'utf8')
  return {
    attestationRootPem: await read('attestation-root.pem'),
    push: { certificatePem: await read('push-cert.pem'), keyPem: await read('push-key.pem') },
    pushEndpoint: async () => {
      const { url, caPem } = JSON.parse(await read('apns.json')) as { url: string; caPem: string }
      return { url, caPem }
    },
    deviceCaPem: await read('device-ca.pem'),
    enrollmentUrl: async () => (JSON.parse(await read('apns.json')) as { adeUrl: string }).adeUrl,
  }
}

export type SoftwareFleet = { stop(): Promise<void> }

/** Starts the software Macs and keeps them running until stopped. The token travels by environment: arguments are public. */
export function startSoftwareFleet(options: {
  url: string
  token: string
  macs: number
  engine: string
  dataDir: string
  log: Log
}): SoftwareFleet {
  const { log } = options
  let stopping = false
  let child = launch(options)
  let restart: NodeJS.Timeout | undefined
  const watch = (): void => {
    child.once('exit', (code, signal) => {
      if (stopping) return
      if (code === EVERY_MAC_REFUSED) {
        log.error('every software Mac was refused; they are not started again. Their pages in the console say why.')
        return
      }
      log.warn({ code, signal }, 'the software fleet stopped; starting it again')
      restart = setTimeout(() => {
        child = launch(options)
        watch()
      }, RESTART_DELAY_MS)
    })
  }
  watch()
  return {
    stop: async () => {
      stopping = true
      clearTimeout(restart)
      await stopChild(child)
    },
  }
}

const RESTART_DELAY_MS = 2_000
/** `espalier fleet simulate` leaves with this when none of its Macs may come back. */
const EVERY_MAC_REFUSED = 10
/** Agents drain on SIGTERM; past this they are killed. */
const STOP_DEADLINE_MS = 15_000

function launch(options: { url: string; token: string; macs: number; engine: string; dataDir: string; log: Log }): ChildProcess {
  const args = ['fleet', 'simulate', '--macs', String(options.macs), '--engine', options.engine, '--url', options.url, '--json']
  const child = spawn(process.execPath, [join(ROOT, 'deploy/espalier.mjs'), ...args], {
    cwd: ROOT,
    env: { ...process.env, ESPALIER_DATA: options.dataDir, ESPALIER_TOKEN: options.token },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true, // a Ctrl-C is ours to pass on, in order
  })
  child.stdout?.on('data', (line: Buffer) => options.log.debug({ fleet: line.toString().trimEnd() }, 'software fleet'))
  child.stderr?.on('data', (line: Buffer) => options.log.warn({ fleet: line.toString().trimEnd() }, 'software fleet'))
  return child
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill('SIGTERM')
  const deadline = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS)
  await exited
  clearTimeout(deadline)
}
