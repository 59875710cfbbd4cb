import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Appliance, startAppliance, until, untilTrusted } from './support/appliance.ts'
import { embeddedServer, query } from './support/database.ts'
import { type StartedFleet, startFleet } from './support/fleet.ts'
import { watchStream } from './support/stream.ts'

let appliance: Appliance
let fleet: StartedFleet

beforeAll(async () => {
  appliance = await startAppliance({ env: { ESPALIER_SOFTWARE_MACS: '0' } })
  // The Macs are no children of the appliance: they outlive its crash, as real ones do.
  fleet = startFleet(appliance, ['--macs', '2', '--engine', 'sim', '--ttft-ms', '50', '--itl-ms', '25'])
}, 180_000)

afterAll(async () => {
  await fleet?.stop()
  await appliance?.close()
}, 60_000)

beforeEach(() => untilTrusted(appliance, 2, 120_000), 130_000)

type Account = { outcome: string | null; settled: boolean; completionTokens: number | null }

/** Every row of one request; there may be only one. */
const accountsOf = (requestId: string) =>
  query<Account>(
    appliance,
    `SELECT outcome, "settledAt" IS NOT NULL AS settled, "completionTokens" FROM "InferenceRequest" WHERE id = $1`,
    [requestId],
  )

async function settledAccount(requestId: string): Promise<Account> {
  let rows: Account[] = []
  await until(
    async () => {
      rows = await accountsOf(requestId).catch(() => [])
      return rows[0]?.settled === true
    },
    30_000,
    () => `the request was not settled: ${JSON.stringify(rows)}\n${appliance.output().slice(-3000)}`,
  )
  expect(rows).toHaveLength(1)
  return rows[0] as Account
}

test('a client that goes away mid-stream frees its slot, in the agent’s own count', { timeout: 60_000 }, async () => {
  const gone = new AbortController()
  const stream = await watchStream(appliance, 4000, gone.signal)
  await stream.until(20)
  expect(await activeSlots(appliance)).toBe(1)
  gone.abort()
  await until(
    async () => (await activeSlots(appliance)) === 0,
    3_000,
    () => 'the slot is still taken',
  )
  expect(await settledAccount(stream.requestId)).toMatchObject({ outcome: 'cancelled' })
})

describe('kill -9, mid-stream', () => {
  test('of the coordinator: the connection breaks without [DONE]; after a restart all is as it was, and the request counts once', {
    timeout: 240_000,
  }, async () => {
    const stream = await watchStream(appliance, 400)
    await stream.until(20)
    await appliance.kill('SIGKILL')
    expect(await stream.ended).toBe('broken')
    expect(stream.lines.at(-1)).not.toBe('data: [DONE]')
    expect(stream.lines.some((line) => line.includes('"error"'))).toBe(false)
    await appliance.restart()
    await untilTrusted(appliance, 2, 120_000)
    expect(await settledAccount(stream.requestId)).toMatchObject({ outcome: 'interrupted' })
    const again = await watchStream(appliance, 10)
    expect(await again.ended).toBe('closed')
    expect(again.lines.at(-1)).toBe('data: [DONE]')
  })

  test('of the agents: one terminal error, no [DONE], and they come back trusted', { timeout: 240_000 }, async () => {
    const stream = await watchStream(appliance, 400)
    await stream.until(20)
    const killed = await killAgents(appliance)
    expect(killed).toBe(2)
    expect(await stream.ended).toBe('closed')
    expect(stream.lines.filter((line) => line.includes('"error"'))).toHaveLength(1)
    expect(stream.lines.at(-1)).toContain('"mac_vanished"')
    expect(await settledAccount(stream.requestId)).toMatchObject({ outcome: 'failed' })
    await untilTrusted(appliance, 2, 120_000)
  })

  test('of PostgreSQL: the stream finishes, and is settled once when the database is back', { timeout: 240_000 }, async () => {
    const stream = await watchStream(appliance, 200)
    await stream.until(20)
    process.kill((await embeddedServer(appliance)).pid, 'SIGKILL')
    expect(await stream.ended).toBe('closed')
    expect(stream.lines.at(-1)).toBe('data: [DONE]')
    expect(await settledAccount(stream.requestId)).toEqual({ outcome: 'completed', settled: true, completionTokens: 200 })
    await until(
      async () => (await appliance.get('/readyz')).status === 200,
      30_000,
      () => appliance.output().slice(-3000),
    )
  })
})

/** Kills the agents of this appliance's Macs, and nobody else's. */
async function killAgents(of: Appliance): Promise<number> {
  let killed = 0
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const [command, environment] = await Promise.all(
      ['cmdline', 'environ'].map((file) => readFile(`/proc/${name}/${file}`, 'utf8').catch(() => '')),
    )
    const isAgent = command?.includes('\0agent\0run\0') && environment?.includes(`ESPALIER_AGENT_PLATFORM=software:${of.dataDir}/`)
    if (!isAgent) continue
    process.kill(Number(name), 'SIGKILL')
    killed++
  }
  return killed
}

/** Slots in use, as the agents themselves count them. */
async function activeSlots(of: Appliance): Promise<number> {
  const files = (await readdir(of.dataDir, { recursive: true })).filter((name) => name.endsWith('agent/status.json'))
  expect(files).toHaveLength(2)
  const states = await Promise.all(files.map(async (name) => JSON.parse(await readFile(join(of.dataDir, name), 'utf8'))))
  return states.reduce((sum, state) => sum + state.capacity.active, 0)
}
