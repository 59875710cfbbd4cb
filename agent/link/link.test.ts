import { generateKeyPairSync, sign } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SEND_HIGH_WATER_BYTES } from '#protocol/frames'
import type { MacId, RequestId } from '#protocol/ids'
import { MAX_KEY_CONFIG_LIFE_MS, openKeyConfig, type Signer } from '#protocol/statements'
import { createKeyRing, KEY_CONFIG_LIFE_MS, OLD_KEY_LIFE_MS, PUBLISH_AHEAD_MS } from './key-ring.ts'
import { keepConnected, reconnectDelayMs } from './reconnect.ts'
import { createSender, MAX_WAITING_CONTROL_FRAMES } from './sender.ts'

const MAC = 'mac_00000000000000000000' as MacId
const REQUEST = 'req_00000000000000000000' as RequestId

function newSigner(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  return {
    publicKey: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
    sign: async (message) => new Uint8Array(sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' })),
  }
}

describe('the key ring', () => {
  const subject = { mac: MAC, evidenceDigest: 'ab'.repeat(32) }
  function newRing() {
    const signer = newSigner()
    const clock = { at: 1_000_000_000_000 }
    const keys = createKeyRing({ signer, build: 'test', now: () => clock.at })
    const digestNow = async (changes: Partial<typeof subject> = {}): Promise<string> => {
      const opened = openKeyConfig(signer.publicKey, await keys.publish({ ...subject, ...changes }))
      if (!opened.ok) throw new Error(opened.reason)
      return opened.digest
    }
    return { keys, clock, digestNow }
  }

  test('keeps one configuration while it stands, also when asked twice at once', async () => {
    const { keys, digestNow } = newRing()
    const [first, second] = await Promise.all([digestNow(), digestNow()])
    expect(second).toBe(first)
    expect(keys.publicKeys()).toHaveLength(1)
  })

  test('signs no life longer than the protocol allows', async () => {
    expect(KEY_CONFIG_LIFE_MS).toBeLessThanOrEqual(MAX_KEY_CONFIG_LIFE_MS)
  })

  test('publishes the next one ahead of the end, and forgets the old one ten minutes later', async () => {
    const { keys, clock, digestNow } = newRing()
    const first = await digestNow()
    clock.at += KEY_CONFIG_LIFE_MS - PUBLISH_AHEAD_MS
    const second = await digestNow()
    expect(second).not.toBe(first)
    clock.at += OLD_KEY_LIFE_MS - 1
    expect(keys.find(first)?.digest).toBe(first)
    clock.at += 1
    expect(keys.find(first)).toBeUndefined()
    expect(keys.find(second)?.digest).toBe(second)
  })

  test('makes a new key for other evidence, and for another Mac', async () => {
    const { digestNow } = newRing()
    const digests = [await digestNow(), await digestNow({ evidenceDigest: 'cd'.repeat(32) }), await digestNow({ mac: `${MAC}1` as MacId })]
    expect(new Set(digests).size).toBe(3)
  })

  test('never holds more keys than a claim can name', async () => {
    const { keys, digestNow } = newRing()
    for (let i = 0; i < 10; i++) await digestNow({ evidenceDigest: i.toString(16).padStart(64, '0') })
    expect(keys.publicKeys()).toHaveLength(4)
  })

  test('uses no key past its end, even when nobody asks for another', async () => {
    const { keys, clock, digestNow } = newRing()
    const digest = await digestNow()
    clock.at += KEY_CONFIG_LIFE_MS
    expect(keys.find(digest)).toBeUndefined()
    expect(keys.publicKeys()).toEqual([])
  })
})

describe('the sender', () => {
  function newSocket() {
    const sent: (string | Uint8Array)[] = []
    const callbacks: (() => void)[] = []
    const socket = {
      bufferedAmount: 0,
      send(data: string | Uint8Array, _: { binary: boolean }, done: () => void) {
        sent.push(data)
        socket.bufferedAmount += data.length
        callbacks.push(done)
      },
    }
    const settle = (): void => {
      socket.bufferedAmount = 0
      for (const done of callbacks.splice(0)) done()
    }
    return { socket, sent, settle }
  }

  test('waits at the high-water mark, and then sends control before the data that came first', async () => {
    const { socket, sent, settle } = newSocket()
    const sender = createSender(socket, () => undefined)
    await sender.data(new Uint8Array(SEND_HIGH_WATER_BYTES))
    const waiting = sender.data(Uint8Array.of(1))
    sender.control({ type: 'accepted', request: REQUEST })
    expect(sent).toHaveLength(1)
    settle()
    await waiting
    expect(sent.slice(1)).toEqual([`{"type":"accepted","request":"${REQUEST}"}`, Uint8Array.of(1)])
    await sender.idle()
  })

  test('gives up a socket that takes no control frames', () => {
    const { socket } = newSocket()
    socket.bufferedAmount = SEND_HIGH_WATER_BYTES
    let overflows = 0
    const sender = createSender(socket, () => overflows++)
    for (let i = 0; i <= MAX_WAITING_CONTROL_FRAMES; i++) sender.control({ type: 'drained' })
    expect(overflows).toBe(1)
  })

  test('fails what waits when it is closed, and everything after', async () => {
    const { socket } = newSocket()
    socket.bufferedAmount = SEND_HIGH_WATER_BYTES
    const sender = createSender(socket, () => undefined)
    const waiting = sender.data(Uint8Array.of(1))
    sender.close()
    await expect(waiting).rejects.toThrow('closed')
    await expect(sender.data(Uint8Array.of(1))).rejects.toThrow('closed')
    await sender.idle()
  })
})

describe('reconnecting', () => {
  test('waits longer each time, never longer than half a minute, never less than half of its turn', () => {
    fc.assert(
      fc.property(fc.nat({ max: 10_000 }), fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (attempt, random) => {
        const delay = reconnectDelayMs(attempt, () => random)
        const ceiling = Math.min(30_000, 500 * 2 ** attempt)
        expect(delay).toBeGreaterThanOrEqual(ceiling / 2)
        expect(delay).toBeLessThanOrEqual(ceiling)
      }),
    )
  })

  test('ends when told to, also while it waits', async () => {
    const stop = new AbortController()
    let opened = 0
    const open = async () => {
      opened++
      setTimeout(() => stop.abort(), 10)
      return { livedMs: 0 }
    }
    const started = performance.now()
    await keepConnected(open, stop.signal, () => 1)
    expect(opened).toBe(1)
    expect(performance.now() - started).toBeLessThan(200)
  })
})
