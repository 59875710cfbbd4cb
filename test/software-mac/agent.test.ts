import { once } from 'node:events'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { isAlive } from './process-lock.ts'
import { type MdmHost, startMdmHost } from './testing/mdm-host.ts'
import { type Running, run, scratch, startApple } from './testing/processes.ts'

/** The real agent under a software Mac; the coordinator's socket is one that only listens. */
const folder = scratch()
const appleDirectory = join(folder.path, 'apple')
let apple: Running
let host: MdmHost
let macs: Running[] = []

beforeAll(async () => {
  apple = await startApple(appleDirectory)
  host = await startMdmHost(appleDirectory)
})
afterEach(async () => {
  await Promise.all(macs.map((mac) => mac.stop()))
  macs = []
})
afterAll(async () => {
  await host.close()
  await apple.stop()
  folder.remove()
})

function start(...args: string[]): Running {
  const mac = run('mac/main.ts', ['--apple', appleDirectory, '--engine', 'sim', '--model', 'espalier-demo', ...args])
  macs.push(mac)
  return mac
}

test('an agent that claims another Mac’s serial number says so in its hello, from a machine of its own', async () => {
  const server = createServer()
  const sockets = new WebSocketServer({ server, path: '/agent' })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  const hello = new Promise<{ type: string; serial: string }>((resolve) => {
    sockets.on('connection', (socket) => socket.on('message', (data) => resolve(JSON.parse(data.toString()))))
  })
  const directory = join(folder.path, 'machine-x')
  const machine = start('--dir', directory, '--claim-serial', 'ESPSIM000001', '--server-url', `http://127.0.0.1:${port}`)
  expect(await hello).toMatchObject({ type: 'hello', serial: 'ESPSIM000001' })
  await machine.stop()
  for (const socket of sockets.clients) socket.terminate()
  server.close()
})

test('the agent starts once the Mac is enrolled, is started again when killed, and ends with its Mac even when that is killed', async () => {
  const directory = join(folder.path, 'ESPSIM000002')
  const { url } = await host.mdm.invite({ macId: 'mac_2', serial: 'ESPSIM000002' })
  const mac = start('--dir', directory, '--serial', 'ESPSIM000002', '--enroll-url', url)
  await mac.until(({ state }) => state === 'agent-started')
  const states = mac.messages.map(({ state }) => state)
  expect(states.indexOf('enrolled')).toBeLessThan(states.indexOf('agent-started'))

  const pidOf = (message: Record<string, unknown>) => Number(/pid (\d+)/.exec(String(message.detail))?.[1])
  const first = pidOf(mac.messages.find(({ state }) => state === 'agent-started') ?? {})
  process.kill(first, 'SIGKILL')
  const second = pidOf(await mac.until((message) => message.state === 'agent-started' && pidOf(message) !== first))
  mac.child.kill('SIGKILL')
  await expect.poll(() => isAlive(second), { timeout: 15_000 }).toBe(false)
})
