import { once } from 'node:events'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { softwareFolder } from '../testing/software-folder.ts'
import { examinationExitCode, examine } from './doctor.ts'
import type { Finding } from './finding.ts'

/** A real server that answers as an appliance does, or in the one way that is wrong. */
let mac: Awaited<ReturnType<typeof softwareFolder>>
let server: Server
let answer = { status: 200, date: undefined as string | undefined, takesSockets: true }
const sockets = new WebSocketServer({ noServer: true })

beforeEach(async () => {
  mac = await softwareFolder()
  answer = { status: 200, date: undefined, takesSockets: true }
  server = createServer((_, response) => {
    if (answer.date !== undefined) response.setHeader('date', answer.date)
    response.writeHead(answer.status).end('{}')
  })
  server.on('upgrade', (request, socket, head) => {
    if (!answer.takesSockets) return void socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n')
    sockets.handleUpgrade(request, socket, head, (opened) => opened.on('close', () => undefined))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterEach(async () => {
  server.closeAllConnections()
  server.close()
  await mac.remove()
})

const state = () => join(mac.folder, 'agent')
async function findings(changes: { url?: string; folder?: string } = {}): Promise<Record<string, Finding>> {
  const found = await examine(
    {
      url: changes.url ?? `ws://127.0.0.1:${(server.address() as AddressInfo).port}/agent`,
      platform: { kind: 'software', folder: changes.folder ?? mac.folder },
      engine: { kind: 'sim', slots: 1, contextTokens: 16, ttftMs: 0, itlMs: 0 },
      models: [],
      stateFolder: state(),
    },
    () => new Date(),
  )
  return Object.fromEntries(found.map((finding) => [finding.check, finding]))
}
const standings = (found: Record<string, Finding>) =>
  Object.fromEntries(Object.entries(found).map(([check, { standing }]) => [check, standing]))
const GOOD = {
  'Node.js': 'good',
  platform: 'good',
  'state folder': 'good',
  'revocation list': 'good',
  appliance: 'good',
  clock: 'good',
  socket: 'good',
}

test('finds nothing wrong where nothing is, and says what it could not know', async () => {
  const found = await findings()
  expect(standings(found)).toEqual({ ...GOOD, agent: 'unknown' })
  expect(examinationExitCode(Object.values(found))).toBe(20)
})

test.each<[string, string, () => Promise<unknown> | unknown, RegExp]>([
  ['an appliance that is something else', 'appliance', () => (answer.status = 404), /answers 404/],
  ['a clock that is an hour off', 'clock', () => (answer.date = new Date(Date.now() - 3600_000).toUTCString()), /360\d s apart/],
  ['a proxy that passes no WebSockets on', 'socket', () => (answer.takesSockets = false), /does not open/],
  ['a state folder that others read', 'state folder', async () => mkdir(state()).then(() => chmod(state(), 0o755)), /chmod 700/],
  ['a revocation list that does not hold', 'revocation list', async () => spoiltList(), /bring it back/],
  ['a Mac that cannot be read', 'platform', () => writeFile(join(mac.folder, 'device.json'), '{'), /does not describe a Mac/],
])('finds %s', async (_, check, spoil, sentence) => {
  await spoil()
  const found = await findings()
  expect(found[check]).toMatchObject({ standing: 'bad', sentence: expect.stringMatching(sentence) })
  expect(examinationExitCode(Object.values(found))).toBe(10)
})

async function spoiltList(): Promise<void> {
  await mkdir(state(), { mode: 0o700 })
  await writeFile(join(state(), 'revocations.json'), '{}')
}

test('finds an appliance that does not answer, and judges neither clock nor socket', async () => {
  const found = await findings({ url: 'ws://127.0.0.1:1/agent' })
  expect(standings(found)).toMatchObject({ appliance: 'bad', clock: 'unknown', socket: 'unknown' })
})
