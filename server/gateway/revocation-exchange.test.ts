import { generateKeyPairSync } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import type { SignedRevocationList } from '#protocol/frames'
import { signRevocationList, toRevocationPages } from '#protocol/revocations'
import type { RevocationSource } from '../fleet/ports.ts'
import { connectRoutable, MAC, startGateway, type TestGateway, until } from './testing/gateway.ts'
import { answer, connectAgent, hello, type ScriptedAgent } from './testing/scripted-agent.ts'

let gateway: TestGateway
afterEach(() => gateway.close())

const key = generateKeyPairSync('ed25519').privateKey
const list = (number: number, macs = 0): SignedRevocationList => {
  const named = Array.from({ length: macs }, (_, n) => n.toString(16).padStart(64, '0'))
  return signRevocationList(key, { v: 1, number, issuedAt: 0, macs: named, apiKeys: [] })
}

type Source = { -readonly [K in keyof RevocationSource]: RevocationSource[K] } & { adopted: SignedRevocationList[]; takes: boolean }

function source(number: number, macs = 0): Source {
  const made: Source = {
    number,
    signed: list(number, macs),
    isInForce: true,
    adopted: [],
    takes: true,
    isWanted: (held) => (held ?? 0) > made.number,
    adopt: async (signed) => {
      if (!made.takes) return false
      made.adopted.push(signed)
      Object.assign(made, { number: made.number + 10, signed })
      return true
    },
  }
  return made
}

async function connect(revocations?: number): Promise<ScriptedAgent> {
  const agent = await connectAgent(gateway.url)
  hello(agent, 'SERIAL1', revocations === undefined ? {} : { revocations })
  await answer(agent, await agent.next('challenge'))
  return agent
}

test('an agent that holds an older list, or none, is given the newest, and again when it changes', async () => {
  const revocations = source(4)
  gateway = await startGateway({ revocations })
  const agent = await connect(2)
  expect(await agent.next('revocation-list')).toMatchObject({ signed: revocations.signed })
  await until(() => gateway.registry.counts().live === 1)
  Object.assign(revocations, { number: 5, signed: list(5) })
  gateway.registry.revocationsChanged()
  expect(await agent.next('revocation-list')).toMatchObject({ signed: revocations.signed })
})

test('an agent that holds the newest is given nothing', async () => {
  gateway = await startGateway({ revocations: source(4) })
  const agent = await connect(4)
  await agent.next('status')
  expect(agent.waiting('revocation-list')).toBe(0)
})

test('a newer list of an agent is taken before its Mac is live, however long it is', async () => {
  const revocations = source(1)
  gateway = await startGateway({ revocations })
  const agent = await connect(9)
  await agent.next('send-revocation-list')
  expect(gateway.registry.counts().live).toBe(0)
  const newer = list(9, 3000)
  const pages = toRevocationPages(newer)
  expect(pages.length).toBeGreaterThan(3)
  for (const signed of pages) agent.send({ type: 'revocation-list', signed })
  await agent.next('status')
  expect(revocations.adopted).toEqual([newer])
})

test('an agent whose newer list is not ours is cut, and never live', async () => {
  const revocations = source(1)
  revocations.takes = false
  gateway = await startGateway({ revocations })
  const agent = await connect(9)
  await agent.next('send-revocation-list')
  agent.send({ type: 'revocation-list', signed: list(9) })
  expect(await agent.closed).toEqual({ code: 4401, reason: 'revocation_list_refused' })
  expect(gateway.registry.counts().live).toBe(0)
})

test('a list that nobody asked for closes the socket, a stranger’s as well', async () => {
  gateway = await startGateway({ revocations: source(4) })
  const agent = await connectAgent(gateway.url)
  agent.send({ type: 'revocation-list', signed: list(9) })
  expect(await agent.closed).toEqual({ code: 1008, reason: 'unexpected_revocation_list' })
})

test('while nobody knows what was revoked nothing routes, and once it is known everything does again', async () => {
  const revocations = source(1)
  gateway = await startGateway({ revocations })
  const { digest } = await connectRoutable(gateway)
  const head = {
    request: 'req_0000000000000000' as never,
    mac: MAC,
    model: 'demo',
    keyConfigDigest: digest,
    enc: new Uint8Array(32),
    sealedAt: 0,
  }
  revocations.isInForce = false
  expect(gateway.registry.counts().routable).toBe(0)
  expect(gateway.registry.snapshot().macs).toMatchObject([{ trust: 'unknown', keyConfig: undefined }])
  expect(gateway.registry.find(MAC)).toMatchObject({ isRoutable: false })
  expect(gateway.registry.open(head)).toBeUndefined()
  revocations.isInForce = true
  expect(gateway.registry.counts().routable).toBe(1)
  expect(gateway.registry.open(head)).toBeDefined()
})
