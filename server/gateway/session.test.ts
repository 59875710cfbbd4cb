import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MAX_CONTROL_FRAME_BYTES, MAX_DATA_FRAME_BYTES } from '#protocol/frames'
import { randomBytes } from '#protocol/ids'
import { statement } from '#protocol/statements'
import type { SessionVerdict } from '../fleet/ports.ts'
import {
  connectLive,
  connectRoutable,
  firstChallenge,
  MAC,
  newRequestId,
  startGateway,
  type TestGateway,
  trusted,
  until,
} from './testing/gateway.ts'
import { answer, beat, CAPACITY, CLAIMS, connectAgent, createP256Signer, hello, keyConfig, prove } from './testing/scripted-agent.ts'

let gateway: TestGateway
beforeEach(async () => {
  gateway = await startGateway()
})
afterEach(() => gateway.close())

const view = () => gateway.registry.snapshot().macs[0]

describe('hello', () => {
  test('leads to a session when the bound key answers the challenge', async () => {
    const { agent } = await connectLive(gateway)
    expect(view()).toMatchObject({ mac: MAC, trust: 'unknown', isLive: true, slots: 0, keyConfig: undefined })
    expect(gateway.desk.calls).toEqual(['identify', 'sessionOpened', 'challengeAnswered'])
    expect(gateway.desk.answered).toEqual([CLAIMS])
    agent.close()
    await until(() => gateway.registry.counts().sockets === 0)
    await until(() => gateway.desk.calls.includes('sessionClosed 1005'))
    expect(gateway.registry.snapshot().macs).toEqual([])
  })

  test('of an unknown serial is told from a known one by nothing: both are challenged, and closed alike when nothing is proved', async () => {
    await gateway.close()
    gateway = await startGateway({ timing: { admissionLimitMs: 150, challengeIntervalMs: 40 } })
    gateway.desk.inventory.set('SERIAL1', { mac: MAC, key: { state: 'none' } })
    const ends = ['STRANGER', 'SERIAL1'].map(async (serial) => {
      const openedAt = performance.now()
      const agent = await connectAgent(gateway.url)
      hello(agent, serial)
      await answer(agent, await agent.next('challenge'))
      await answer(agent, await agent.next('challenge'))
      const closed = await agent.closed
      return { ...closed, livedMs: performance.now() - openedAt, told: agent.waiting('bind') + agent.waiting('status') }
    })
    const [unknown, known] = await Promise.all(ends)
    expect(unknown).toMatchObject({ code: 4401, reason: 'not_proved', told: 0 })
    expect(known).toMatchObject({ code: 4401, reason: 'not_proved', told: 0 })
    expect(Math.abs((unknown?.livedMs ?? 0) - (known?.livedMs ?? 0))).toBeLessThan(50)
    expect(gateway.desk.calls).toEqual(['identify', 'identify'])
  })

  test('is answered no sooner than its floor, however quick the look-up was', async () => {
    await gateway.close()
    gateway = await startGateway({ timing: { identifyFloorMs: 120 } })
    for (const serial of ['STRANGER', 'SERIAL1']) {
      const agent = await connectAgent(gateway.url)
      const saidAt = performance.now()
      hello(agent, serial)
      await agent.next('challenge')
      expect(performance.now() - saidAt).toBeGreaterThan(115)
    }
  })

  test('with something else than a P-256 key is refused before anybody is asked', async () => {
    const agent = await connectAgent(gateway.url)
    agent.send({ type: 'hello', protocol: 1, serial: 'SERIAL1', agentKey: 'AAAA', agentVersion: '1' })
    expect(await agent.closed).toEqual({ code: 1008, reason: 'bad_agent_key' })
    expect(gateway.desk.calls).toEqual([])
  })

  test('twice is refused', async () => {
    const agent = await connectAgent(gateway.url)
    await firstChallenge(agent)
    hello(agent)
    expect(await agent.closed).toEqual({ code: 1008, reason: 'unexpected_hello' })
  })

  test('that does not come closes the socket', async () => {
    const impatient = await startGateway({ timing: { helloTimeoutMs: 30 } })
    const agent = await connectAgent(impatient.url)
    expect(await agent.closed).toEqual({ code: 4408, reason: 'no_hello' })
    await impatient.close()
  })

  test('whose look-up fails closes the socket with 1011', async () => {
    gateway.desk.before = () => Promise.reject(new Error('database'))
    const agent = await connectAgent(gateway.url)
    hello(agent)
    expect(await agent.closed).toEqual({ code: 1011, reason: 'desk_failed' })
    expect(gateway.events).toContainEqual(expect.objectContaining({ type: 'desk-failed' }))
  })
})

describe('the first challenge', () => {
  const wrong = [
    ['another session', { session: 'ses_0000000000000000' as never }, 'challenge_wrong_session'],
    ['another nonce', { nonce: 'AAAA' }, 'challenge_wrong_nonce'],
    ['another time', { at: 1 }, 'challenge_wrong_time'],
    ['another transcript before', { previous: '00'.repeat(32) }, 'challenge_wrong_previous'],
  ] as const

  test.each(wrong)('refuses an answer for %s, though the key has signed it', async (_, changes, reason) => {
    const agent = await connectAgent(gateway.url)
    await answer(agent, await firstChallenge(agent), changes)
    expect(await agent.closed).toEqual({ code: 1008, reason })
    expect(gateway.desk.calls).toEqual(['identify'])
  })

  test('refuses an answer signed by another key, and blames no Mac for it', async () => {
    const agent = await connectAgent(gateway.url)
    await answer(agent, await firstChallenge(agent), {}, createP256Signer())
    expect(await agent.closed).toEqual({ code: 1008, reason: 'challenge_bad_signature' })
    expect(gateway.desk.calls).toEqual(['identify'])
  })

  test('refuses a wrong signature under an unknown serial in the same words', async () => {
    const agent = await connectAgent(gateway.url)
    hello(agent, 'STRANGER')
    await answer(agent, await agent.next('challenge'), {}, createP256Signer())
    expect(await agent.closed).toEqual({ code: 1008, reason: 'challenge_bad_signature' })
  })

  test('refuses a transcript recorded from another session of the same key', async () => {
    const recorded = await connectAgent(gateway.url)
    const { transcript, signature } = await answer(recorded, await firstChallenge(recorded))
    const agent = await connectAgent(gateway.url, recorded.signer)
    await firstChallenge(agent)
    agent.send({ type: 'challenge-answer', transcript, signature })
    expect(await agent.closed).toEqual({ code: 1008, reason: 'challenge_wrong_session' })
  })

  test('refuses an answer whose bytes are not canonical', async () => {
    const agent = await connectAgent(gateway.url)
    const challenge = await firstChallenge(agent)
    const body = new TextEncoder().encode(JSON.stringify({ v: 1, ...challenge, claims: CLAIMS, type: undefined }))
    const signature = await agent.signer.sign(statement('challenge', body))
    agent.send({
      type: 'challenge-answer',
      transcript: Buffer.from(body).toString('base64url'),
      signature: Buffer.from(signature).toString('base64url'),
    })
    expect(await agent.closed).toEqual({ code: 1008, reason: 'challenge_not_canonical' })
  })

  test('that nobody answers closes the socket', async () => {
    const impatient = await startGateway({ timing: { answerTimeoutMs: 30 } })
    const agent = await connectAgent(impatient.url)
    await firstChallenge(agent)
    expect(await agent.closed).toEqual({ code: 4408, reason: 'challenge_overdue' })
    expect(impatient.desk.calls).toEqual(['identify'])
    await impatient.close()
  })
})

describe('a ticket', () => {
  const ticket = randomBytes(32)
  const withTicket = () => {
    gateway.desk.inventory.set('SERIAL1', { mac: MAC, key: { state: 'ticket', ticketId: 'tkt1' } })
    gateway.desk.tickets.set('tkt1', ticket)
  }

  test('that waits is asked for after the challenge; its proof and one more challenge admit the session', async () => {
    withTicket()
    const agent = await connectAgent(gateway.url)
    const challenge = await firstChallenge(agent)
    const { transcript } = await answer(agent, challenge)
    const bind = await agent.next('bind')
    expect(bind).toMatchObject({ mac: MAC, ticketId: 'tkt1', session: challenge.session })
    expect(gateway.registry.snapshot().macs).toEqual([])
    prove(agent, bind, ticket)
    const second = await agent.next('challenge')
    expect(second.previous).toBe(await sha256Hex(transcript))
    await answer(agent, second)
    await agent.next('status')
    expect(gateway.desk.calls).toEqual(['identify', 'proveTicket', 'sessionOpened', 'challengeAnswered'])
    expect(gateway.desk.tickets.size).toBe(0)
  })

  test('wrongly proved closes the socket and changes nothing', async () => {
    withTicket()
    const agent = await connectAgent(gateway.url)
    await answer(agent, await firstChallenge(agent))
    prove(agent, await agent.next('bind'), randomBytes(32))
    expect(await agent.closed).toEqual({ code: 4401, reason: 'ticket_not_proved' })
    expect(gateway.desk.calls).toEqual(['identify', 'proveTicket'])
    expect(gateway.desk.tickets.size).toBe(1)
  })

  test('proof that is no HMAC closes the socket before the desk is asked', async () => {
    withTicket()
    const agent = await connectAgent(gateway.url)
    await answer(agent, await firstChallenge(agent))
    await agent.next('bind')
    agent.send({ type: 'bind-proof', proof: 'A'.repeat(42) })
    expect(await agent.closed).toEqual({ code: 1008, reason: 'bad_proof' })
    expect(gateway.desk.calls).toEqual(['identify'])
  })

  test('that is not proved in time closes the socket', async () => {
    await gateway.close()
    gateway = await startGateway({ timing: { proofTimeoutMs: 30 } })
    withTicket()
    const agent = await connectAgent(gateway.url)
    await answer(agent, await firstChallenge(agent))
    await agent.next('bind')
    expect(await agent.closed).toEqual({ code: 4408, reason: 'proof_overdue' })
    expect(gateway.desk.tickets.size).toBe(1)
  })

  test('news that pile up while a hello is looked up close the socket', async () => {
    gateway.desk.before = (call) => {
      if (call !== 'identify') return
      for (let n = 0; n <= 1000; n++) gateway.registry.ticketDelivered(`mac_${String(n).padStart(16, '0')}` as never, 'tkt')
    }
    const agent = await connectAgent(gateway.url)
    hello(agent)
    expect(await agent.closed).toEqual({ code: 1011, reason: 'overloaded' })
  })

  test('proof that nobody asked for closes the socket', async () => {
    const agent = await connectAgent(gateway.url)
    await firstChallenge(agent)
    agent.send({ type: 'bind-proof', proof: 'A'.repeat(43) })
    expect(await agent.closed).toEqual({ code: 1008, reason: 'unexpected_proof' })
  })

  test('delivered later is asked for then', async () => {
    gateway.desk.inventory.set('SERIAL1', { mac: MAC, key: { state: 'none' } })
    gateway.desk.tickets.set('tkt2', ticket)
    const agent = await connectAgent(gateway.url)
    await answer(agent, await firstChallenge(agent))
    await new Promise((resolve) => setTimeout(resolve, 20))
    gateway.registry.ticketDelivered(MAC, 'tkt2')
    prove(agent, await agent.next('bind'), ticket)
    await answer(agent, await agent.next('challenge'))
    await agent.next('status')
    expect(view()).toMatchObject({ mac: MAC, isLive: true })
  })

  test('delivered while the hello is looked up is not missed', async () => {
    gateway.desk.inventory.set('SERIAL1', { mac: MAC, key: { state: 'none' } })
    gateway.desk.before = (call) => {
      if (call === 'identify') gateway.registry.ticketDelivered(MAC, 'tkt3')
    }
    const agent = await connectAgent(gateway.url)
    await answer(agent, await firstChallenge(agent))
    expect(await agent.next('bind')).toMatchObject({ ticketId: 'tkt3' })
  })

  test('of another Mac is not asked for', async () => {
    gateway.desk.inventory.set('SERIAL1', { mac: MAC, key: { state: 'none' } })
    const agent = await connectAgent(gateway.url)
    await answer(agent, await firstChallenge(agent))
    gateway.registry.ticketDelivered('mac_00000000000000other' as never, 'tkt4')
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(agent.waiting('bind')).toBe(0)
  })

  test('not proved gives no voice: its session is in no snapshot, and its wrong signature quarantines nobody', async () => {
    gateway.desk.inventory.set('SERIAL1', { mac: MAC, key: { state: 'none' } })
    await gateway.close()
    gateway = await startGateway({ timing: { challengeIntervalMs: 20 } })
    gateway.desk.inventory.set('SERIAL1', { mac: MAC, key: { state: 'none' } })
    const stranger = await connectAgent(gateway.url)
    await answer(stranger, await firstChallenge(stranger))
    await answer(stranger, await stranger.next('challenge'), {}, createP256Signer())
    expect(await stranger.closed).toEqual({ code: 1008, reason: 'challenge_bad_signature' })
    expect(gateway.registry.snapshot().macs).toEqual([])
    expect(gateway.desk.calls).toEqual(['identify'])
  })
})

describe('liveness', () => {
  test('each challenge names the transcript before, and each answer reaches the desk', async () => {
    const quick = await startGateway({ timing: { challengeIntervalMs: 20 } })
    const { agent, transcript } = await connectLive(quick)
    const second = await agent.next('challenge')
    expect(second.previous).toBe(await sha256Hex(transcript))
    await answer(agent, second, { claims: { ...CLAIMS, agentVersion: '0.2.0' } })
    await until(() => quick.desk.answered.length === 2)
    expect(quick.desk.answered[1]?.agentVersion).toBe('0.2.0')
    await quick.close()
  })

  test('a wrong signature on a session of the bound key is reported, and closes it', async () => {
    const quick = await startGateway({ timing: { challengeIntervalMs: 20 } })
    const { agent } = await connectLive(quick)
    await answer(agent, await agent.next('challenge'), {}, createP256Signer())
    expect(await agent.closed).toEqual({ code: 4401, reason: 'challenge_bad_signature' })
    await until(() => quick.desk.calls.includes('sessionClosed challenge_bad_signature'))
    expect(quick.desk.calls).toContain('livenessLost CHALLENGE_BAD_SIG')
    await quick.close()
  })

  test('a rightly signed answer to something else closes the session without a quarantine', async () => {
    const quick = await startGateway({ timing: { challengeIntervalMs: 20 } })
    const { agent } = await connectLive(quick)
    await answer(agent, await agent.next('challenge'), { nonce: 'AAAA' })
    expect(await agent.closed).toEqual({ code: 1008, reason: 'challenge_wrong_nonce' })
    expect(quick.desk.calls).not.toContain('livenessLost CHALLENGE_BAD_SIG')
    await quick.close()
  })

  test('one missed challenge is forgiven, and its late answer too; two in a row are not', async () => {
    const quick = await startGateway({ timing: { challengeIntervalMs: 20, answerTimeoutMs: 60 } })
    const isLive = () => quick.registry.snapshot().macs[0]?.isLive
    const { agent } = await connectLive(quick)
    const missed = await agent.next('challenge')
    const again = await agent.next('challenge')
    expect(isLive()).toBe(true)
    await answer(agent, missed)
    await answer(agent, again)
    await until(() => quick.desk.answered.length === 2)
    await agent.next('challenge')
    await agent.next('challenge')
    await until(() => isLive() === false)
    expect(quick.desk.calls.filter((call) => call === 'livenessLost CHALLENGE_MISSED')).toHaveLength(1)
    await answer(agent, await agent.next('challenge'))
    await until(() => isLive() === true)
    await quick.close()
  })

  test('silence closes the session; signed heartbeats keep it', async () => {
    const quick = await startGateway({ timing: { silenceLimitMs: 120 } })
    const { agent, session } = await connectLive(quick)
    for (let sequence = 0; sequence < 5; sequence++) {
      await beat(agent, session, { sequence })
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect(quick.registry.counts().live).toBe(1)
    // Unsigned words do not count.
    const chatter = setInterval(() => agent.send({ type: 'capacity', capacity: CAPACITY }), 20)
    expect(await agent.closed).toEqual({ code: 4408, reason: 'silent' })
    clearInterval(chatter)
    await quick.close()
  })

  const wrongBeats = [
    ['a sequence that was used', { sequence: 3 }, 'heartbeat_old_sequence'],
    ['another session', { sequence: 4, session: 'ses_0000000000000000' as never }, 'heartbeat_wrong_session'],
    ['another boot than the claims', { sequence: 4, bootSession: 'boot-2' }, 'heartbeat_boot_session_changed'],
  ] as const
  test.each(wrongBeats)('a heartbeat with %s closes the session', async (_, changes, reason) => {
    const { agent, session } = await connectLive(gateway)
    await beat(agent, session, { sequence: 3 })
    await beat(agent, session, changes)
    expect(await agent.closed).toEqual({ code: 1008, reason })
  })

  test('a heartbeat signed by another key closes the session', async () => {
    const { agent, session } = await connectLive(gateway)
    await beat(agent, session, {}, createP256Signer())
    expect(await agent.closed).toEqual({ code: 4401, reason: 'heartbeat_bad_signature' })
  })

  test('a heartbeat before the key is proved is not even verified, and prolongs nothing', async () => {
    await gateway.close()
    gateway = await startGateway({ timing: { admissionLimitMs: 150 } })
    gateway.desk.inventory.set('SERIAL1', { mac: MAC, key: { state: 'none' } })
    const agent = await connectAgent(gateway.url)
    const challenge = await firstChallenge(agent)
    await beat(agent, challenge.session, {}, createP256Signer())
    await answer(agent, challenge)
    const beats = setInterval(() => void beat(agent, challenge.session, { sequence: 1 }), 100)
    expect(await agent.closed).toEqual({ code: 4401, reason: 'not_proved' })
    clearInterval(beats)
  })

  test('a heartbeat says whether the Mac is available', async () => {
    const { agent, session } = await connectLive(gateway)
    agent.send({ type: 'capacity', capacity: CAPACITY })
    await until(() => view()?.available === true)
    await beat(agent, session, { available: false })
    await until(() => view()?.available === false)
  })
})

describe('displacement', () => {
  test('the older session leaves only when the newer one has answered its challenge', async () => {
    const { agent: older } = await connectLive(gateway)
    const newer = await connectAgent(gateway.url, older.signer)
    const challenge = await firstChallenge(newer)
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(gateway.registry.counts()).toMatchObject({ sockets: 2, live: 1 })
    await answer(newer, challenge)
    expect(await older.closed).toEqual({ code: 4409, reason: 'displaced' })
    await newer.next('status')
    await until(() => gateway.registry.counts().sockets === 1)
    expect(gateway.registry.counts().live).toBe(1)
    expect(gateway.desk.calls.slice(-3)).toEqual(['sessionOpened', 'challengeAnswered', 'sessionClosed displaced'])
  })

  test('a stranger who knows the serial displaces nobody, even with a key that answers', async () => {
    const { agent } = await connectLive(gateway)
    gateway.desk.inventory.set('SERIAL1', { mac: MAC, key: { state: 'none' } })
    const stranger = await connectAgent(gateway.url)
    await answer(stranger, await firstChallenge(stranger))
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(gateway.registry.counts()).toMatchObject({ sockets: 2, live: 1 })
    gateway.registry.verdictChanged(MAC, trusted(agent))
    expect(await agent.next('status')).toMatchObject({ trust: 'trusted' })
    expect(stranger.waiting('status')).toBe(0)
  })

  test('disconnect takes a reason of any length', async () => {
    const { agent } = await connectLive(gateway)
    gateway.registry.disconnect(MAC, '€'.repeat(500))
    expect(await agent.closed).toEqual({ code: 4403, reason: '€'.repeat(41) })
  })

  test('disconnect closes every session of the Mac, and one that is being looked up', async () => {
    const { agent } = await connectLive(gateway)
    let release = () => {}
    gateway.desk.before = () =>
      new Promise<void>((resolve) => {
        release = resolve
      })
    const arriving = await connectAgent(gateway.url, agent.signer)
    hello(arriving)
    await until(() => gateway.desk.calls.filter((call) => call === 'identify').length === 2)
    gateway.registry.disconnect(MAC, 'revoked')
    gateway.desk.before = () => {}
    release()
    expect(await agent.closed).toEqual({ code: 4403, reason: 'revoked' })
    expect(await arriving.closed).toEqual({ code: 4403, reason: 'revoked' })
  })
})

describe('the verdict', () => {
  test('is passed on once for each change, and known again after a reconnect', async () => {
    const { agent } = await connectLive(gateway)
    gateway.registry.verdictChanged(MAC, trusted(agent))
    gateway.registry.verdictChanged(MAC, trusted(agent))
    gateway.registry.verdictChanged(MAC, { trust: 'refused', reasons: ['SIP_DISABLED'] })
    expect(await agent.next('status')).toMatchObject({ trust: 'trusted', evidenceDigest: 'ee'.repeat(32) })
    expect(await agent.next('status')).toMatchObject({ trust: 'refused', reasons: ['SIP_DISABLED'], evidenceDigest: null })
    const again = await connectAgent(gateway.url, agent.signer)
    await answer(again, await firstChallenge(again))
    expect(await again.next('status')).toMatchObject({ trust: 'refused' })
  })

  test('for another key is a refusal here', async () => {
    const { agent } = await connectLive(gateway)
    gateway.registry.verdictChanged(MAC, { ...trusted(agent), agentKey: createP256Signer().publicKey } as SessionVerdict)
    expect(await agent.next('status')).toMatchObject({ trust: 'refused', reasons: ['AGENT_KEY_UNBOUND'] })
    expect(view()).toMatchObject({ trust: 'refused', evidenceDigest: undefined })
  })
})

describe('trust', () => {
  test('runs out at its time, without another verdict', async () => {
    await connectRoutable(gateway)
    gateway.advance(24 * 3600_000)
    expect(view()).toMatchObject({ trust: 'refused', reasons: ['ATTESTATION_STALE'], keyConfig: undefined, evidenceDigest: undefined })
    expect(gateway.registry.counts().routable).toBe(0)
  })

  test('is prolonged without a new status', async () => {
    const { agent } = await connectRoutable(gateway)
    gateway.registry.verdictChanged(MAC, { ...trusted(agent), until: new Date(Date.now() + 48 * 3600_000) } as SessionVerdict)
    gateway.advance(24 * 3600_000)
    expect(view()?.trust).toBe('trusted')
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(agent.waiting('status')).toBe(0)
  })
})

describe('what people see', () => {
  test('is the live session, with its facts', async () => {
    await connectRoutable(gateway)
    expect(gateway.registry.find(MAC)).toMatchObject({
      mac: MAC,
      trust: 'trusted',
      isRoutable: true,
      agentVersion: '0.1.0',
      codeHash: 'c0'.repeat(32),
      thermal: 'nominal',
    })
    expect(gateway.registry.list()).toHaveLength(1)
  })

  test('is the code that the agent has signed for, whatever it greeted with', async () => {
    gateway.desk.inventory.set('SERIAL1', { mac: MAC, key: { state: 'bound' } })
    const agent = await connectAgent(gateway.url)
    hello(agent, 'SERIAL1', { agentVersion: '9.9.9' })
    await answer(agent, await agent.next('challenge'))
    await until(() => gateway.registry.find(MAC) !== undefined)
    expect(gateway.registry.find(MAC)).toMatchObject({ agentVersion: '0.1.0', codeHash: 'c0'.repeat(32) })
  })

  test('is nothing of a stranger who knows a serial and signs with a key of its own', async () => {
    gateway.desk.inventory.set('SERIAL1', { mac: MAC, key: { state: 'ticket', ticketId: 'tkt1' } })
    const stranger = await connectAgent(gateway.url)
    await answer(stranger, await firstChallenge(stranger))
    await stranger.next('bind')
    expect(gateway.registry.counts()).toMatchObject({ sockets: 1, live: 0 })
    expect(gateway.registry.find(MAC)).toBeUndefined()
    expect(gateway.registry.list()).toEqual([])
    gateway.desk.inventory.set('SERIAL1', { mac: MAC, key: { state: 'bound' } })
    await connectRoutable(gateway)
    expect(gateway.registry.list()).toEqual([expect.objectContaining({ isRoutable: true })])
  })
})

describe('a key configuration', () => {
  test('of a trusted session makes the Mac routable', async () => {
    await connectRoutable(gateway)
    expect(view()).toMatchObject({ trust: 'trusted', isLive: true, evidenceDigest: 'ee'.repeat(32), slots: 2, active: 0 })
    expect(view()?.keyConfig?.publicKey).toHaveLength(32)
  })

  test('of a session without trust is not taken, and forgiven: the verdict may just have changed', async () => {
    const { agent } = await connectLive(gateway)
    agent.send({ type: 'key-config', keyConfig: await keyConfig(agent, MAC) })
    await until(() => gateway.events.some((event) => event.type === 'refused' && event.reason === 'key_config_untrusted'))
    gateway.registry.verdictChanged(MAC, trusted(agent))
    expect(view()?.keyConfig).toBeUndefined()
  })

  test('for other evidence is not taken, and forgiven', async () => {
    const { agent } = await connectLive(gateway)
    gateway.registry.verdictChanged(MAC, trusted(agent))
    agent.send({ type: 'key-config', keyConfig: await keyConfig(agent, MAC, { evidenceDigest: '00'.repeat(32) }) })
    await until(() => gateway.events.some((event) => event.type === 'refused' && event.reason === 'key_config_other_evidence'))
    expect(view()).toMatchObject({ isLive: true, keyConfig: undefined })
  })

  const day = 24 * 3600_000
  const now = Date.now()
  const faults = [
    ['another Mac', { mac: 'mac_00000000000000other' as never }, 'key_config_wrong_mac'],
    ['a life over 24 hours', { notBefore: now, notAfter: now + day + 1 }, 'key_config_life_too_long'],
    ['no life left', { notBefore: now - day, notAfter: now - 1 }, 'key_config_not_current'],
    ['a beginning still ahead', { notBefore: now + 600_000, notAfter: now + day }, 'key_config_not_current'],
    ['a public key of the wrong length', { publicKey: 'AAAA' }, 'key_config_bad_public_key'],
  ] as const
  test.each(faults)('with %s closes the session', async (_, changes, reason) => {
    const { agent } = await connectLive(gateway)
    gateway.registry.verdictChanged(MAC, trusted(agent))
    agent.send({ type: 'key-config', keyConfig: await keyConfig(agent, MAC, changes) })
    expect(await agent.closed).toEqual({ code: 1008, reason })
  })

  test('signed by another key closes the session', async () => {
    const { agent } = await connectLive(gateway)
    gateway.registry.verdictChanged(MAC, trusted(agent))
    agent.send({ type: 'key-config', keyConfig: await keyConfig(agent, MAC, {}, createP256Signer()) })
    expect(await agent.closed).toEqual({ code: 4401, reason: 'key_config_bad_signature' })
  })

  test('is shown no longer once it has run out, or trust was lost', async () => {
    const { agent } = await connectRoutable(gateway)
    gateway.advance(12 * 3600_000)
    expect(view()?.keyConfig).toBeUndefined()
    gateway.advance(-12 * 3600_000)
    expect(view()?.keyConfig).toBeDefined()
    gateway.registry.verdictChanged(MAC, { trust: 'refused', reasons: ['ATTESTATION_STALE'] })
    gateway.registry.verdictChanged(MAC, trusted(agent))
    expect(view()?.keyConfig).toBeUndefined()
  })
})

describe('frames', () => {
  test('of an unknown type are ignored', async () => {
    const { agent } = await connectLive(gateway)
    agent.send({ type: 'something-of-tomorrow' })
    agent.send({ type: 'capacity', capacity: CAPACITY })
    await until(() => view()?.slots === 2)
  })

  test('of a known type with a wrong shape close the session', async () => {
    const { agent } = await connectLive(gateway)
    agent.send({ type: 'capacity', capacity: { slots: -1 } } as never)
    expect(await agent.closed).toEqual({ code: 1008, reason: 'malformed_frame' })
  })

  test('too big to be control frames close the session, and bigger ones are never read', async () => {
    const first = await connectLive(gateway)
    first.agent.sendText(JSON.stringify({ type: 'future', pad: 'x'.repeat(MAX_CONTROL_FRAME_BYTES) }))
    expect(await first.agent.closed).toEqual({ code: 1009, reason: 'control_frame_too_big' })
    const second = await connectLive(gateway, first.agent.signer)
    second.agent.sendBytes(new Uint8Array(MAX_DATA_FRAME_BYTES + 200))
    expect((await second.agent.closed).code).toBe(1009)
  })

  test('more than an agent can mean before its key is proved close the socket', async () => {
    const agent = await connectAgent(gateway.url)
    await firstChallenge(agent)
    for (let i = 0; i < 40; i++) agent.send({ type: 'nonsense' })
    expect(await agent.closed).toEqual({ code: 4429, reason: 'too_many_frames' })
  })

  test('of an admitted Mac may be as many as its models have news', async () => {
    const { agent } = await connectLive(gateway)
    for (let slots = 1; slots <= 200; slots++) agent.send({ type: 'capacity', capacity: { ...CAPACITY, slots } })
    await until(() => view()?.slots === 200)
  })

  test('more than a Mac can mean in a second close the session', async () => {
    const { agent } = await connectLive(gateway)
    for (let i = 0; i < 1100; i++) agent.send({ type: 'nonsense' })
    expect(await agent.closed).toEqual({ code: 4429, reason: 'too_many_frames' })
  })

  test('of data before the session is live close it, and so do malformed ones', async () => {
    const agent = await connectAgent(gateway.url)
    agent.sendData({ kind: 2, request: newRequestId(), sequence: 0, final: false, ciphertext: new Uint8Array(32) })
    expect(await agent.closed).toEqual({ code: 1008, reason: 'malformed_data_frame' })
    const live = await connectLive(gateway)
    live.agent.sendBytes(Uint8Array.of(9, 9, 9))
    expect(await live.agent.closed).toEqual({ code: 1008, reason: 'malformed_data_frame' })
  })

  test('a peer that never finishes the closing handshake is cut', async () => {
    const { agent } = await connectLive(gateway)
    agent.pause()
    gateway.registry.disconnect(MAC, 'revoked')
    await until(() => gateway.registry.counts().sockets === 0)
  })
})

async function sha256Hex(body: string): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(body, 'base64url'))).toString('hex')
}
