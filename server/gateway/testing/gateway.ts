import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Claims } from '#protocol/frames'
import { type MacId, newId, type RequestId, randomBytes } from '#protocol/ids'
import { bindProof } from '#protocol/statements'
import type { FleetDesk, Identified, KeyProofAsk, RevocationSource, SessionVerdict } from '../../fleet/ports.ts'
import type { GatewayEvent } from '../events.ts'
import { createRegistry, type Registry, type RegistryDeps } from '../registry.ts'
import { attachAgentSockets, type UpgradeOptions } from '../upgrade.ts'
import { answer, CAPACITY, connectAgent, hello, keyConfig, type ScriptedAgent } from './scripted-agent.ts'

/** A gateway on a port of its own, with a fleet desk made of plain values. */
export type TestGateway = {
  registry: Registry
  desk: ScriptedDesk
  url: string
  port: number
  events: GatewayEvent[]
  /** Moves the gateway's clock ahead of the real one. */
  advance(ms: number): void
  close(): Promise<void>
}

type ScriptedDesk = FleetDesk & {
  /** Who has which serial; a missing one is unknown. */
  inventory: Map<string, Identified>
  tickets: Map<string, Uint8Array>
  calls: string[]
  answered: Claims[]
  beats: number
  /** What chooseKeyProofs says, and keyAttested. */
  asks: readonly KeyProofAsk[]
  isKeyAttested: boolean
  /** Called before each answer of the desk, to hold it up or to fail it. */
  before: (call: string) => Promise<void> | void
}

export const MAC = 'mac_0000000000000000test' as MacId
export const EVIDENCE = 'ee'.repeat(32)
export const newRequestId = (): RequestId => newId<RequestId>('req')

function createScriptedDesk(): ScriptedDesk {
  const desk: ScriptedDesk = {
    inventory: new Map([['SERIAL1', { mac: MAC, key: { state: 'bound' } }]]),
    tickets: new Map(),
    calls: [],
    answered: [],
    beats: 0,
    asks: [],
    isKeyAttested: false,
    before: () => {},
    async identify({ serial }) {
      const found = desk.inventory.get(serial)
      await note('identify')
      return found
    },
    async proveTicket(proof) {
      await note('proveTicket')
      const ticket = desk.tickets.get(proof.ticketId)
      if (ticket === undefined || !Buffer.from(bindProof({ ...proof, ticket })).equals(proof.hmac)) return false
      return desk.tickets.delete(proof.ticketId)
    },
    async challengeAnswered({ claims }) {
      desk.answered.push(claims)
      await note('challengeAnswered')
    },
    async chooseKeyProofs() {
      await note('chooseKeyProofs')
      return desk.asks
    },
    keyPublished: () => note('keyPublished'),
    async keyAttested() {
      await note('keyAttested')
      return desk.isKeyAttested
    },
    alive: () => {
      desk.beats++
    },
    livenessLost: ({ reason }) => note(`livenessLost ${reason}`),
    sessionOpened: () => note('sessionOpened'),
    sessionClosed: ({ reason }) => note(`sessionClosed ${reason}`),
  }
  async function note(call: string): Promise<void> {
    desk.calls.push(call)
    await desk.before(call)
  }
  return desk
}

export async function startGateway(
  options: {
    timing?: RegistryDeps['timing']
    upgrade?: Partial<UpgradeOptions>
    revocations?: RevocationSource
    /** What stands between the sockets and the desk. */
    before?: (desk: FleetDesk) => FleetDesk
  } = {},
): Promise<TestGateway> {
  const desk = createScriptedDesk()
  const events: GatewayEvent[] = []
  let ahead = 0
  const onEvent = (event: GatewayEvent) => void events.push(event)
  const registry = createRegistry({
    clock: { now: () => new Date(Date.now() + ahead) },
    random: randomBytes,
    onEvent,
    timing: { identifyFloorMs: 0, ...options.timing },
    ...(options.revocations === undefined ? {} : { revocations: options.revocations }),
  })
  const server = createServer((_, response) => response.writeHead(404).end())
  attachAgentSockets(server, { registry, desk: options.before?.(desk) ?? desk, onEvent, ...options.upgrade })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    registry,
    desk,
    events,
    port,
    url: `ws://127.0.0.1:${port}/agent`,
    advance: (ms) => {
      ahead += ms
    },
    async close() {
      await registry.drainAll('test over', AbortSignal.abort())
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Waits until `isSo`; the test's own time limit ends a wait in vain. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2))
}

/** An agent that has answered its first challenge under the bound key and has heard its status. */
export async function connectLive(
  gateway: TestGateway,
  signer?: ScriptedAgent['signer'],
): Promise<{ agent: ScriptedAgent; session: Awaited<ReturnType<typeof firstChallenge>>['session']; nonce: string; transcript: string }> {
  const agent = await connectAgent(gateway.url, signer)
  const challenge = await firstChallenge(agent)
  const { transcript } = await answer(agent, challenge)
  await agent.next('status')
  return { agent, session: challenge.session, nonce: challenge.nonce, transcript }
}

export function firstChallenge(agent: ScriptedAgent) {
  hello(agent)
  return agent.next('challenge')
}

export const trusted = (agent: ScriptedAgent, evidenceDigest = EVIDENCE): SessionVerdict => ({
  trust: 'trusted',
  until: new Date(Date.now() + 24 * 3600_000),
  evidenceDigest,
  agentKey: agent.signer.publicKey,
})

/** A live agent that is trusted, has published a key configuration and has two free slots. */
export async function connectRoutable(gateway: TestGateway): Promise<{ agent: ScriptedAgent; digest: string }> {
  const { agent } = await connectLive(gateway)
  gateway.registry.verdictChanged(MAC, trusted(agent))
  await agent.next('status')
  agent.send({ type: 'capacity', capacity: CAPACITY })
  agent.send({ type: 'key-config', keyConfig: await keyConfig(agent, MAC) })
  await until(() => gateway.registry.counts().routable === 1)
  const digest = gateway.registry.snapshot().macs[0]?.keyConfig?.digest as string
  return { agent, digest }
}
