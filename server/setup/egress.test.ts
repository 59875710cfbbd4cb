import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { createEgress, inWords, type OutsideHost, outsideHosts } from './egress.ts'
import { type Authority, createAuthority } from './testing/authority.ts'

let now = new Date('2026-11-21T12:00:00Z')
const clock = { now: () => now }
let root: Authority
const closing: (() => void)[] = []
beforeAll(async () => {
  root = await createAuthority('root')
})
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** A TLS server that counts its connections and whatever is said to it. */
async function outside(name = 'localhost'): Promise<{ host: OutsideHost; seen: { connections: number; bytes: number } }> {
  const { certificatePem, keyPem } = await root.issue({ name, hosts: [name] })
  const seen = { connections: 0, bytes: 0 }
  const server = createServer({ cert: certificatePem, key: keyPem }, (socket) => {
    socket.on('data', (data) => {
      seen.bytes += data.length
    })
    socket.on('error', () => undefined)
  }).listen(0, '127.0.0.1')
  server.on('connection', () => {
    seen.connections++
  })
  server.on('tlsClientError', () => undefined)
  await new Promise((resolve) => server.once('listening', resolve))
  closing.push(() => server.close())
  const { port } = server.address() as AddressInfo
  return { host: { id: 'push', host: 'localhost', port, when: 'always', why: 'for the test' }, seen }
}

const egressTo = (host: OutsideHost, ca: string[]) => createEgress({ clock, hosts: [host], ca })

test('a host is shaken hands with, and nothing is said to it', async () => {
  const { host, seen } = await outside()
  const egress = egressTo(host, [root.certificatePem])
  expect(egress.results()).toEqual([])
  expect(await egress.tryAll()).toEqual([{ id: 'push', at: now, isReached: true, sentence: 'Reached; its certificate is genuine.' }])
  expect(egress.results()).toHaveLength(1)
  expect(seen).toEqual({ connections: 1, bytes: 0 })
})

test('whoever tries at the same time shares the attempt, and the next one waits', async () => {
  const { host, seen } = await outside()
  const egress = egressTo(host, [root.certificatePem])
  await Promise.all([egress.tryAll(), egress.tryAll(), egress.tryAll()])
  expect(seen.connections).toBe(1)
  expect(() => egress.tryAll()).toThrow('Try again in 10 s.')
  now = new Date(now.getTime() + 10_000)
  await egress.tryAll()
  expect(seen.connections).toBe(2)
})

test('a proxy that opens TLS is named by its authority, and a server with another name is told', async () => {
  const { host } = await outside()
  const stranger = await createAuthority('stranger')
  expect((await egressTo(host, [stranger.certificatePem]).tryAll())[0]).toMatchObject({
    isReached: false,
    sentence: expect.stringContaining('A certificate of “CN=root” was shown for localhost'),
  })
  const other = await outside('other.example')
  expect((await egressTo(other.host, [root.certificatePem]).tryAll())[0]?.sentence).toBe(
    'Another server answers in the place of localhost.',
  )
})

test('each way of not being reached has its own words', () => {
  const to = { host: 'api.push.apple.com', port: 443 }
  const say = (unreached: 'no_address' | 'refused' | 'timeout' | 'no_tls' | 'failed') => inWords(to, { unreached, detail: 'CODE' }).sentence
  const said = (['no_address', 'refused', 'timeout', 'no_tls', 'failed'] as const).map(say)
  expect(new Set(said).size).toBe(5)
  for (const sentence of said) expect(sentence).toContain(to.host)
})

test('the list names Apple’s hosts, and the signing service that is configured', () => {
  expect(outsideHosts({ mdmcertUrl: 'https://sign.example:8443/x' }).map(({ host, port }) => `${host}:${port}`)).toEqual([
    'api.push.apple.com:443',
    'mdmenrollment.apple.com:443',
    'sign.example:8443',
  ])
})
