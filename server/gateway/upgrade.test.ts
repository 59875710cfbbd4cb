import { request } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { connectLive, firstChallenge, startGateway, type TestGateway, until } from './testing/gateway.ts'
import { answer, connectAgent, hello } from './testing/scripted-agent.ts'

let gateway: TestGateway | undefined
afterEach(() => gateway?.close())

/** The status with which an upgrade is refused. */
function upgradeStatus(port: number, path: string, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const upgrade = {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    }
    const call = request({ port, host: '127.0.0.1', path, headers: { ...upgrade, ...headers } })
    call.on('response', (response) => resolve(response.statusCode ?? 0))
    call.on('upgrade', (_, socket) => {
      socket.destroy()
      resolve(101)
    })
    call.on('error', reject)
    call.end()
  })
}

test('only /agent, exactly, is an agent’s socket', async () => {
  gateway = await startGateway()
  for (const path of ['/', '/agents', '/agent/', '/AGENT', '/_next/webpack-hmr', '//agent']) {
    expect(await upgradeStatus(gateway.port, path)).toBe(404)
  }
  expect(await upgradeStatus(gateway.port, '/agent')).toBe(101)
  expect(await upgradeStatus(gateway.port, '/agent?v=1')).toBe(101)
})

test('in development what is not ours is passed on, and ours is not', async () => {
  const passed: string[] = []
  gateway = await startGateway({
    upgrade: {
      fallback: (incoming, socket) => {
        passed.push(incoming.url ?? '')
        socket.end('HTTP/1.1 418 Passed On\r\n\r\n')
      },
    },
  })
  expect(await upgradeStatus(gateway.port, '/_next/webpack-hmr')).toBe(418)
  expect(await upgradeStatus(gateway.port, '/agent')).toBe(101)
  expect(passed).toEqual(['/_next/webpack-hmr'])
})

test('a request that is no WebSocket handshake is refused and leaves no place taken', async () => {
  gateway = await startGateway({ upgrade: { maxUnproved: 1 } })
  expect(await upgradeStatus(gateway.port, '/agent', { 'Sec-WebSocket-Version': '7' })).toBe(400)
  await until(() => gateway?.registry.counts().sockets === 0)
  expect(await upgradeStatus(gateway.port, '/agent')).toBe(101)
})

test('compression is never agreed to', async () => {
  gateway = await startGateway()
  const socket = new WebSocket(gateway.url, { perMessageDeflate: true })
  await new Promise((resolve) => socket.once('open', resolve))
  expect(socket.extensions).toBe('')
  socket.terminate()
})

test('strangers are bounded in all, and the newest stays; a proved agent no longer counts', async () => {
  gateway = await startGateway({ upgrade: { maxUnproved: 1 } })
  const { agent } = await connectLive(gateway)
  const stranger = await connectAgent(gateway.url)
  const again = await connectAgent(gateway.url, agent.signer)
  expect((await stranger.closed).code).toBe(1006)
  expect(gateway.events).toContainEqual({ type: 'stranger-evicted' })
  await answer(again, await firstChallenge(again))
  await again.next('status')
  expect(await agent.closed).toMatchObject({ reason: 'displaced' })
})

test('strangers are bounded for each network', async () => {
  let address = '2001:db8::1'
  gateway = await startGateway({ upgrade: { maxUnprovedPerNetwork: 2, addressOf: () => address } })
  const [first, second] = [await connectAgent(gateway.url), await connectAgent(gateway.url)]
  address = '2001:db8:0:1::1'
  await connectAgent(gateway.url)
  expect(gateway.registry.counts().sockets).toBe(3)
  address = '2001:db8::2'
  await connectAgent(gateway.url)
  expect((await first?.closed)?.code).toBe(1006)
  await until(() => gateway?.registry.counts().sockets === 3)
  second?.close()
  expect((await second?.closed)?.code).toBe(1005)
})

test('no new agent is taken while draining', async () => {
  gateway = await startGateway()
  await gateway.registry.drainAll('shutdown', AbortSignal.abort())
  expect(await upgradeStatus(gateway.port, '/agent')).toBe(503)
})

test('a socket that is reset before, during and after its hello harms nobody', async () => {
  gateway = await startGateway()
  for (const steps of [0, 1, 2]) {
    const socket = new WebSocket(gateway.url)
    if (steps > 0) await new Promise((resolve) => socket.once('open', resolve))
    if (steps > 1) socket.send('{"type":"hello"')
    socket.on('error', () => {})
    socket.terminate()
  }
  const agent = await connectAgent(gateway.url)
  hello(agent)
  await agent.next('challenge')
})
