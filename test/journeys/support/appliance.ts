import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A whole appliance in its own data directory and process, started and judged only from outside. */
export type Appliance = {
  url: string
  /** Where this machine reaches it, whatever its public address is. */
  localUrl: string
  dataDir: string
  apiKey: string
  adminEmail: string
  adminPassword: string
  /** Process id of the coordinator. */
  pid(): number
  output(): string
  get(path: string, init?: RequestInit): Promise<Response>
  /** The same data directory and port, after a kill or a stop. */
  restart(): Promise<void>
  kill(signal: NodeJS.Signals): Promise<void>
  /** Orderly stop and removal of the data directory. */
  close(): Promise<void>
}

export type ApplianceOptions = { env?: Record<string, string> }

const ROOT = new URL('../../..', import.meta.url).pathname

export async function startAppliance(options: ApplianceOptions = {}): Promise<Appliance> {
  const dataDir = await mkdtemp(join(tmpdir(), 'espalier-'))
  const port = await freePort()
  let child = await launch(dataDir, port, options)
  const firstRun = JSON.parse(await readFile(join(dataDir, 'first-run.json'), 'utf8'))
  const get = (path: string, init: RequestInit = {}) =>
    fetch(new URL(path, firstRun.url), { ...init, headers: { authorization: `Bearer ${firstRun.apiKey}`, ...init.headers } })
  const kill = async (signal: NodeJS.Signals) => {
    child.process.kill(signal)
    await child.exited
  }
  return {
    ...firstRun,
    localUrl: `http://localhost:${port}`,
    dataDir,
    pid: () => child.process.pid as number,
    output: () => child.output(),
    get,
    kill,
    restart: async () => {
      child = await launch(dataDir, port, options)
    },
    close: async () => {
      if (child.process.exitCode === null && child.process.signalCode === null) await kill('SIGINT')
      await rm(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
    },
  }
}

type Launched = { process: ChildProcess; exited: Promise<void>; output(): string }

async function launch(dataDir: string, port: number, options: ApplianceOptions): Promise<Launched> {
  const process_ = spawn(process.execPath, [join(ROOT, 'deploy/espalier.mjs'), 'serve'], {
    cwd: ROOT,
    env: { ...process.env, NODE_ENV: 'production', PORT: String(port), ESPALIER_DATA: dataDir, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  process_.stdout?.on('data', (chunk) => (text += chunk))
  process_.stderr?.on('data', (chunk) => (text += chunk))
  const exited = new Promise<void>((resolve) => process_.once('exit', () => resolve()))
  const launched = { process: process_, exited, output: () => text }
  await until(
    async () => {
      if (process_.exitCode !== null) throw new Error(`the appliance exited with ${process_.exitCode}:\n${text}`)
      return (await fetch(`http://localhost:${port}/readyz`).catch(() => undefined))?.status === 200
    },
    120_000,
    () => `the appliance did not become ready:\n${text}`,
  )
  return launched
}

/** Polls until `condition` holds; a condition that throws ends the wait. */
export async function until(condition: () => Promise<boolean>, timeoutMs: number, explain: () => string | Promise<string>): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(await explain())
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

export type MacStatus = { mac: string; trust: string; reasons: string[]; evidenceDigest: string | null }

export async function fleetStatus(appliance: Appliance): Promise<MacStatus[]> {
  const body = (await (await appliance.get('/v1/fleet/attestation')).json()) as { macs: MacStatus[] }
  return body.macs
}

/** Waits until `count` Macs are trusted and serve `model`. */
export async function untilTrusted(appliance: Appliance, count: number, timeoutMs = 120_000): Promise<void> {
  let seen: MacStatus[] = []
  await until(
    async () => {
      seen = await fleetStatus(appliance)
      const models = (await (await appliance.get('/v1/models')).json()) as { data: unknown[] }
      return seen.filter((mac) => mac.trust === 'trusted').length >= count && models.data.length > 0
    },
    timeoutMs,
    () => `${JSON.stringify(seen, null, 1)}\n${appliance.output()}`,
  )
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new TypeError('no port')
  return address.port
}
