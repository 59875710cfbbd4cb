import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Appliance } from './appliance.ts'

/** Software Macs started beside an appliance, as an administrator's script would start them. */
export type StartedFleet = { process: ChildProcess; output(): string; stop(): Promise<void> }

const ROOT = new URL('../../..', import.meta.url).pathname

export function startFleet(appliance: Appliance, args: readonly string[]): StartedFleet {
  return startFleetProcess(appliance, [join(ROOT, 'deploy/espalier.mjs'), 'fleet', 'simulate', '--url', appliance.url, '--json', ...args])
}

/** One software Mac with switches of its own, enrolled by an invitation made here. */
export async function startMac(appliance: Appliance, serial: string, args: readonly string[]): Promise<StartedFleet> {
  const reply = await appliance.get('/enroll/invitations', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ serial }),
  })
  if (reply.status !== 201) throw new Error(`no invitation: ${reply.status} ${await reply.text()}`)
  const { enrollmentUrl } = (await reply.json()) as { enrollmentUrl: string }
  const where = ['--dir', join(appliance.dataDir, 'macs', serial), '--apple', appleDirectory(appliance)]
  return startFleetProcess(appliance, [
    join(ROOT, 'test/software-mac/mac/main.ts'),
    ...where,
    '--serial',
    serial,
    '--enroll-url',
    enrollmentUrl,
    ...args,
  ])
}

/** The software Apple of an appliance that starts no Macs of its own. */
export function startApple(appliance: Appliance): StartedFleet {
  return startFleetProcess(appliance, [join(ROOT, 'test/software-mac/apple/main.ts'), '--dir', appleDirectory(appliance)])
}

export const appleDirectory = (appliance: Appliance): string => join(appliance.dataDir, 'evaluation-apple')

export function startFleetProcess(appliance: Appliance, args: readonly string[]): StartedFleet {
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, ESPALIER_DATA: appliance.dataDir, ESPALIER_TOKEN: appliance.apiKey },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let text = ''
  child.stdout?.on('data', (chunk) => (text += chunk))
  child.stderr?.on('data', (chunk) => (text += chunk))
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  return {
    process: child,
    output: () => text,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      const force = setTimeout(() => child.kill('SIGKILL'), 10_000)
      await exited
      clearTimeout(force)
    },
  }
}
