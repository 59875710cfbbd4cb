import { type Appliance, until } from '../../journeys/support/appliance.ts'
import { appleDirectory } from '../../journeys/support/fleet.ts'
import { agentCommons } from './agent.ts'
import { openFleetApple } from './apple.ts'
import { createSimulatedMac, type FleetWorld, type SimulatedMac } from './mac.ts'
import { createTally, type Tally } from './tally.ts'

/** Many Macs in this one process, with the Apple that they belong to, around one appliance that knows nothing of it. */
export type SimulatedFleet = {
  macs: readonly SimulatedMac[]
  tally: Tally
  invite(atOnce: number): Promise<void>
  /** Every Mac by its own invitation; the agents of those that are through connect meanwhile. */
  enroll(atOnce: number): Promise<void>
  /** As the agents see themselves. */
  counts(): { connected: number; trusted: number }
  /** The most frequent of what went wrong. */
  troubles(): string[]
  stop(): Promise<void>
}

export async function startSimulatedFleet(appliance: Appliance, macs: number): Promise<SimulatedFleet> {
  const ending = new AbortController()
  const troubles = new Map<string, number>()
  const world: FleetWorld = {
    url: appliance.localUrl,
    apple: await openFleetApple(appleDirectory(appliance)),
    commons: await agentCommons(),
    tally: createTally(),
    signal: ending.signal,
    onTrouble: (_serial, why) => void troubles.set(why, (troubles.get(why) ?? 0) + 1),
  }
  const fleet = Array.from({ length: macs }, (_, index) => createSimulatedMac(serialOf(index), world))
  const links = new Map<string, string>()
  return {
    macs: fleet,
    tally: world.tally,
    invite: (atOnce) =>
      inParallel(fleet, atOnce, async ({ serial }) => {
        links.set(serial, await invite(appliance, serial))
      }),
    enroll: (atOnce) => inParallel(fleet, atOnce, (mac) => enroll(appliance, mac, links.get(mac.serial) ?? '', world)),
    counts: () => {
      const news = fleet.map((mac) => mac.news())
      const isConnected = (one: (typeof news)[number]) => one?.connected === true && one.state.phase === 'established'
      return {
        connected: news.filter(isConnected).length,
        trusted: news.filter((one) => isConnected(one) && one?.state.trust === 'trusted').length,
      }
    },
    troubles: () =>
      [...troubles]
        .toSorted(([, a], [, b]) => b - a)
        .slice(0, 5)
        .map(([why, times]) => `${times} × ${why}`),
    async stop() {
      ending.abort()
      await Promise.all(fleet.map((mac) => mac.ended()))
      await world.apple.close()
    },
  }
}

const serialOf = (index: number): string => `LOAD${String(index + 1).padStart(8, '0')}`

const MAX_ATTEMPTS = 4

/** A Mac whose enrollment broke off is invited anew, as an administrator would. */
async function enroll(appliance: Appliance, mac: SimulatedMac, link: string, world: FleetWorld): Promise<void> {
  for (let attempt = 1, next = link; ; attempt++) {
    try {
      return await mac.enroll(next)
    } catch (error) {
      world.signal.throwIfAborted()
      if (attempt === MAX_ATTEMPTS) throw error
      world.onTrouble(mac.serial, `enrolled anew: ${error instanceof Error ? error.message : error}`)
      next = await invite(appliance, mac.serial)
    }
  }
}

async function invite(appliance: Appliance, serial: string): Promise<string> {
  const headers = { 'content-type': 'application/json' }
  const reply = await appliance.get('/enroll/invitations', { method: 'POST', headers, body: JSON.stringify({ serial }) })
  if (reply.status !== 201) throw new Error(`no invitation for ${serial}: ${reply.status} ${await reply.text()}`)
  return ((await reply.json()) as { enrollmentUrl: string }).enrollmentUrl
}

async function inParallel<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values()
  const worker = async () => {
    for (const item of waiting) await work(item)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker))
}

/** Waits for the coordinator's own word on how many Macs it routes to. */
export async function untilRoutable(appliance: Appliance, macs: number, timeoutMs: number, explain: () => string): Promise<void> {
  await until(async () => (await readMetric(appliance, 'espalier_macs_routable')) >= macs, timeoutMs, explain)
}

async function readMetric(appliance: Appliance, name: string): Promise<number> {
  return (await readMetrics(appliance)).get(name) ?? 0
}

/** Samples by name and labels as Prometheus writes them; none while the appliance does not answer. */
export async function readMetrics(appliance: Appliance): Promise<Map<string, number>> {
  const reply = await appliance.get('/metrics').catch(() => undefined)
  if (reply?.ok !== true) return new Map()
  const lines = (await reply.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]))
}
