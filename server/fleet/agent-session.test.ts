import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { randomBytes } from '#protocol/ids'
import { createRegistry, type Registry } from '../gateway/registry.ts'
import { until } from '../gateway/testing/gateway.ts'
import { answer, CAPACITY, connectAgent, hello, keyConfig, prove, type ScriptedAgent } from '../gateway/testing/scripted-agent.ts'
import { attachAgentSockets } from '../gateway/upgrade.ts'
import type { FleetDesk } from './ports.ts'
import { type FleetHouse, startFleetHouse } from './testing/fleet-house.ts'
import { enrollMac, type FleetMac } from './testing/fleet-mac.ts'

/** The real desk behind real sockets: what the fleet decides must reach the session, and what it cannot decide must not. */
let house: FleetHouse
let registry: Registry
let url: string
let server: ReturnType<typeof createServer>

beforeAll(async () => {
  house = await startFleetHouse({
    sessions: () => {
      registry = createRegistry({ clock: { now: () => house.clock.now() }, random: randomBytes, timing: { identifyFloorMs: 0 } })
      return registry
    },
  })
  server = createServer()
  const desk: FleetDesk = house.fleet.desk
  attachAgentSockets(server, { registry, desk })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/agent`
})
afterAll(async () => {
  await registry.drainAll('test over', AbortSignal.abort())
  server.closeAllConnections()
  server.close()
  await house.close()
})

/** Hello, challenge, ticket, proof, challenge, attestation, key configuration. */
async function becomeRoutable(mac: FleetMac): Promise<ScriptedAgent> {
  const agent = await connectAgent(url)
  mac.agentKey = agent.signer.publicKey
  hello(agent, mac.serial)
  await answer(agent, await agent.next('challenge'))
  await mac.work()
  prove(agent, await agent.next('bind'), mac.tickets.at(-1)?.secret as Uint8Array)
  await answer(agent, await agent.next('challenge'))
  expect(await agent.next('status')).toMatchObject({ trust: 'refused', reasons: ['NO_ATTESTATION'] })
  await mac.work()
  expect(await agent.next('status')).toMatchObject({ trust: 'trusted' })
  await publish(agent, mac)
  return agent
}

async function publish(agent: ScriptedAgent, mac: FleetMac): Promise<void> {
  const evidenceDigest = registry.snapshot().macs.find((one) => one.mac === mac.id)?.evidenceDigest ?? ''
  agent.send({ type: 'capacity', capacity: CAPACITY })
  agent.send({ type: 'key-config', keyConfig: await keyConfig(agent, mac.id, { evidenceDigest, ...life() }) })
  await until(() => registry.find(mac.id)?.isRoutable === true)
}
const life = () => ({ notBefore: house.clock.now().getTime() - 1000, notAfter: house.clock.now().getTime() + 3600_000 })

test('an agent becomes routable by ticket and attestation, and by nothing less', async () => {
  const mac = await enrollMac(house, 'SOCKETMAC001')
  const agent = await becomeRoutable(mac)
  expect(registry.find(mac.id)).toMatchObject({ isRoutable: true, trust: 'trusted' })
  agent.close()
})

test('while the database is away an agent that answers its challenge is cut, not believed', async () => {
  const mac = await enrollMac(house, 'SOCKETMAC002')
  const first = await becomeRoutable(mac)
  first.close()
  await until(() => registry.find(mac.id) === undefined)
  const again = await connectAgent(url, first.signer)
  hello(again, mac.serial)
  const challenge = await again.next('challenge')
  await house.store.$executeRaw`ALTER TABLE "Verdict" RENAME TO "Away"`
  await answer(again, challenge)
  expect(await again.closed).toMatchObject({ code: 1011, reason: 'desk_failed' })
  await house.store.$executeRaw`ALTER TABLE "Away" RENAME TO "Verdict"`
  expect(registry.find(mac.id)).toBeUndefined()
  expect(registry.snapshot().macs.some((one) => one.mac === mac.id)).toBe(false)
})

test('a revoked Mac’s session is closed, and its key opens no other', async () => {
  const mac = await enrollMac(house, 'SOCKETMAC003')
  const agent = await becomeRoutable(mac)
  await house.fleet.reader.revokeMac({ mac: mac.id, by: 'user:usr_1' })
  expect(await agent.closed).toMatchObject({ code: 4403 })
  const again = await connectAgent(url, agent.signer)
  hello(again, mac.serial)
  await answer(again, await again.next('challenge'))
  await house.fleet.desk.identify({ serial: mac.serial, agentKey: mac.agentKey })
  expect(registry.find(mac.id)).toBeUndefined()
  expect(again.waiting('status')).toBe(0)
  again.close()
})

test('a Mac that authenticates anew has its session closed, and must prove a key again', async () => {
  const mac = await enrollMac(house, 'SOCKETMAC004')
  const agent = await becomeRoutable(mac)
  await mac.mdm.authenticate()
  expect((await agent.closed).code).toBe(4403)
  await mac.mdm.tokenUpdate()
  const again = await connectAgent(url, agent.signer)
  hello(again, mac.serial)
  await answer(again, await again.next('challenge'))
  await mac.work()
  prove(again, await again.next('bind'), mac.tickets[0]?.secret as Uint8Array)
  expect(await again.closed).toMatchObject({ reason: 'ticket_not_proved' })
})

test('an agent that connects with somebody else’s key loses the Mac nothing', async () => {
  const mac = await enrollMac(house, 'SOCKETMAC005')
  const agent = await becomeRoutable(mac)
  const impostor = await connectAgent(url)
  hello(impostor, mac.serial)
  await answer(impostor, await impostor.next('challenge'))
  expect(await mac.work()).toEqual([])
  expect(registry.find(mac.id)).toMatchObject({ isRoutable: true })
  impostor.close()
  agent.close()
})
