import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { MacId } from '#protocol/ids'
import { createPacedDesk } from './paced-desk.ts'
import { startGateway, type TestGateway, until } from './testing/gateway.ts'
import { answer, connectAgent, createP256Signer, hello } from './testing/scripted-agent.ts'

/** A company's Macs come back behind one address, more of them at once than that address has places. */
const AGENTS = 120
const PLACES = 16

let gateway: TestGateway
let atOnce: { now: number; peak: number; calls: number }
beforeEach(async () => {
  atOnce = { now: 0, peak: 0, calls: 0 }
  gateway = await startGateway({ upgrade: { maxUnprovedPerNetwork: PLACES }, before: createPacedDesk })
  for (let index = 0; index < AGENTS; index++) {
    const mac = `mac_${String(index).padStart(20, '0')}` as MacId
    gateway.desk.inventory.set(`SERIAL-${index}`, { mac, key: { state: 'bound' } })
  }
  gateway.desk.before = async (call) => {
    if (call !== 'identify') return
    atOnce.calls++
    atOnce.peak = Math.max(atOnce.peak, ++atOnce.now)
    await sleep(5)
    atOnce.now--
  }
})
afterEach(() => gateway.close())

/** Comes again until it is through, later each time, as the agent does. */
async function comeBack(index: number): Promise<void> {
  const signer = createP256Signer()
  for (let attempt = 0; ; attempt++) {
    const agent = await connectAgent(gateway.url, signer).catch(() => undefined)
    if (agent !== undefined) {
      hello(agent, `SERIAL-${index}`)
      const challenge = await Promise.race([agent.next('challenge'), agent.closed.then(() => undefined)])
      if (challenge !== undefined) {
        await answer(agent, challenge)
        if (await Promise.race([agent.next('status').then(() => true), agent.closed.then(() => false)])) return
      }
    }
    await sleep(20 * 2 ** Math.min(attempt, 6) * (0.5 + Math.random() / 2))
  }
}

test('all of them are let in, though each pushes out the next, and the desk is asked a bounded number of things at once', async () => {
  await Promise.all(Array.from({ length: AGENTS }, (_, index) => comeBack(index)))
  await until(() => gateway.registry.counts().live === AGENTS)
  expect(atOnce.peak).toBeLessThanOrEqual(8)
  // Far from every agent asking over and over.
  expect(atOnce.calls).toBeLessThan(8 * AGENTS)
}, 60_000)
