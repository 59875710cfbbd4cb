import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { base64url } from '#protocol/bytes'
import { randomBytes } from '#protocol/ids'
import { connectLive, MAC, startGateway, type TestGateway, trusted, until } from './testing/gateway.ts'
import { answer, beat, connectAgent, createP256Signer, hello, keyConfig, type ScriptedAgent } from './testing/scripted-agent.ts'

let gateway: TestGateway
beforeEach(async () => {
  gateway = await startGateway()
})
afterEach(() => gateway.close())

const NONCE = randomBytes(32)
const OFFERS = { keyBindings: ['mdm-signed' as const, 'apple' as const] }

/** As far as its first answer, under a key that is not bound. */
async function unproved(offers: object = OFFERS): Promise<ScriptedAgent> {
  gateway.desk.inventory.set('SERIAL1', { mac: MAC, key: { state: 'none' } })
  const agent = await connectAgent(gateway.url)
  hello(agent, 'SERIAL1', offers)
  await answer(agent, await agent.next('challenge'))
  return agent
}

describe('an agent whose key is not bound', () => {
  test('and that offers nothing is asked for nothing', async () => {
    await unproved({})
    await until(() => gateway.desk.calls.includes('identify'))
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(gateway.desk.calls).not.toContain('chooseKeyProofs')
  })

  test('publishes it, and is admitted once MDM has reported it and it has answered once more', async () => {
    gateway.desk.asks = [{ type: 'publish-key', nonce: NONCE }]
    const agent = await unproved()
    expect(await agent.next('publish-key')).toMatchObject({ mac: MAC, nonce: base64url(NONCE) })
    agent.send({ type: 'key-published', certificate: 'AAAA' })
    await until(() => gateway.desk.calls.includes('keyPublished'))
    expect(gateway.registry.counts().live).toBe(0)
    gateway.registry.keyProved(MAC, createP256Signer().publicKey)
    gateway.registry.keyProved('mac_0000000000000000else' as never, agent.signer.publicKey)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(agent.waiting('challenge')).toBe(0)
    gateway.registry.keyProved(MAC, agent.signer.publicKey)
    await answer(agent, await agent.next('challenge'), {})
    await until(() => gateway.registry.counts().live === 1)
  })

  test('is admitted by Apple’s word about it, and closed where that does not hold', async () => {
    gateway.desk.asks = [{ type: 'attest-key', nonce: NONCE }]
    gateway.desk.isKeyAttested = true
    const good = await unproved()
    await good.next('attest-key')
    good.send({ type: 'key-attestation', chain: ['AAAA'] })
    await answer(good, await good.next('challenge'))
    await until(() => gateway.registry.counts().live === 1)
    gateway.desk.isKeyAttested = false
    const bad = await unproved()
    await bad.next('attest-key')
    bad.send({ type: 'key-attestation', chain: ['AAAA'] })
    expect(await bad.closed).toEqual({ code: 4401, reason: 'key_not_proved' })
  })

  test.each([
    [{ type: 'key-published', certificate: 'AAAA' }, 'unexpected_key_published'],
    [{ type: 'key-attestation', chain: ['AAAA'] }, 'unexpected_key_attestation'],
  ])('is closed for %s that nobody asked for', async (frame, reason) => {
    const agent = await unproved()
    agent.send(frame)
    expect(await agent.closed).toEqual({ code: 1008, reason })
    expect(gateway.desk.calls.filter((call) => call.startsWith('key'))).toEqual([])
  })

  test('answers a question of Apple’s word once', async () => {
    gateway.desk.asks = [{ type: 'attest-key', nonce: NONCE }]
    gateway.desk.isKeyAttested = true
    const agent = await unproved()
    await agent.next('attest-key')
    agent.send({ type: 'key-attestation', chain: ['AAAA'] })
    await agent.next('challenge')
    agent.send({ type: 'key-attestation', chain: ['AAAA'] })
    expect(await agent.closed).toEqual({ code: 1008, reason: 'unexpected_key_attestation' })
  })
})

test('an admitted agent is asked for a stronger proof while it works on, and goes on if it gives none', async () => {
  gateway.desk.asks = [{ type: 'attest-key', nonce: NONCE }]
  const agent = await connectAgent(gateway.url)
  hello(agent, 'SERIAL1', OFFERS)
  await answer(agent, await agent.next('challenge'))
  await agent.next('attest-key')
  agent.send({ type: 'key-attestation', chain: ['AAAA'] })
  await until(() => gateway.desk.calls.includes('keyAttested'))
  expect(gateway.registry.counts().live).toBe(1)
})

describe('a wrong signature on a session that the bound key has opened', () => {
  test('of a heartbeat puts the Mac into quarantine', async () => {
    const { agent, session } = await connectLive(gateway)
    await beat(agent, session, {}, createP256Signer())
    expect((await agent.closed).reason).toBe('heartbeat_bad_signature')
    await until(() => gateway.desk.calls.includes('livenessLost CHALLENGE_BAD_SIG'))
  })

  test('of a key configuration does so, too', async () => {
    const { agent } = await connectLive(gateway)
    gateway.registry.verdictChanged(MAC, trusted(agent))
    agent.send({ type: 'key-config', keyConfig: await keyConfig(agent, MAC, {}, createP256Signer()) })
    expect((await agent.closed).reason).toBe('key_config_bad_signature')
    await until(() => gateway.desk.calls.includes('livenessLost CHALLENGE_BAD_SIG'))
  })

  test('a heartbeat of another session, rightly signed, is a fault and no quarantine', async () => {
    const { agent, session } = await connectLive(gateway)
    await beat(agent, session, { session: 'ses_0000000000000000' as never })
    expect(await agent.closed).toEqual({ code: 1008, reason: 'heartbeat_wrong_session' })
    expect(gateway.desk.calls).not.toContain('livenessLost CHALLENGE_BAD_SIG')
  })
})

test('the desk hears of every heartbeat that names the last nonce, and of no stranger’s', async () => {
  const { agent, session, nonce } = await connectLive(gateway)
  await beat(agent, session, { pulse: nonce })
  const { nonce: pulse } = await agent.next('pulse')
  await beat(agent, session, { sequence: 1, pulse })
  await until(() => gateway.desk.beats === 2)
  const stranger = await unproved({})
  await beat(stranger, session)
  await new Promise((resolve) => setTimeout(resolve, 30))
  expect(gateway.desk.beats).toBe(2)
})
