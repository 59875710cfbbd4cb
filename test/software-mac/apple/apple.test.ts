import { once } from 'node:events'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { type ClientHttp2Session, connect } from 'node:http2'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAppleLink } from '../mac/apple-link.ts'
import { keepCourier } from '../mac/courier-client.ts'
import { manufacture } from '../mac/device.ts'
import { ephemeralKey } from '../mac/secure-enclave.ts'
import { run, scratch } from '../testing/processes.ts'
import { openKeys, readAddress } from './directory.ts'
import { createPushCertificates } from './push-certificates.ts'
import { type SoftwareApple, serveApple } from './serve.ts'

const folder = scratch()
const directory = join(folder.path, 'apple')
const living = new AbortController()
let apple: SoftwareApple
let topic: string

beforeAll(async () => {
  apple = await serveApple({ directory, now: () => new Date() })
  topic = openKeys(directory, new Date()).push.topic
})
afterAll(async () => {
  living.abort()
  await apple.close()
  folder.remove()
})

const read = (name: string) => readFileSync(join(directory, name), 'utf8')

async function newMac(serial: string, onPush: (push: { topic: string; magic: string }) => void = () => {}) {
  const link = createAppleLink(directory, ephemeralKey('P-256'))
  const device = manufacture(serial)
  await link.manufacture(device, living.signal)
  const online = new AbortController()
  const connectNow = () => keepCourier({ serial, link, onPush, signal: AbortSignal.any([living.signal, online.signal]) })
  return { link, device, connectNow, goOffline: () => online.abort() }
}

type Certificate = { cert: string; key: string } | undefined

async function push(options: {
  token: string
  headers?: Record<string, string | undefined>
  body?: string
  certificate?: Certificate
  path?: string
  method?: string
}) {
  const certificate = 'certificate' in options ? options.certificate : { cert: read('push-cert.pem'), key: read('push-key.pem') }
  const session: ClientHttp2Session = connect(apple.address.url, { ca: apple.address.caPem, ...certificate })
  try {
    const headers = { 'apns-topic': topic, 'apns-push-type': 'mdm', 'apns-priority': '10', ...options.headers }
    const given = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))
    const path = options.path ?? `/3/device/${options.token}`
    const stream = session.request({ ':method': options.method ?? 'POST', ':path': path, ...given })
    stream.end(options.body ?? JSON.stringify({ mdm: 'magic' }))
    const [reply] = await once(stream, 'response')
    let text = ''
    for await (const part of stream) text += part
    const status = Number(reply[':status'])
    return status === 200 ? { status, reason: undefined } : { status, reason: (JSON.parse(text) as { reason: string }).reason }
  } finally {
    session.destroy()
  }
}

describe('APNs', () => {
  test('brings a push to the Mac that its token names', async () => {
    const received = Promise.withResolvers<object>()
    const mac = await newMac('ESPSIM000001', received.resolve)
    const token = await mac.connectNow().token(topic)
    expect(await push({ token, body: '{"mdm":"abra"}' })).toEqual({ status: 200, reason: undefined })
    expect(await received.promise).toEqual({ topic, magic: 'abra' })
  })

  test('keeps the newest push for a Mac that is away, unless it was to expire at once', async () => {
    const received: string[] = []
    const mac = await newMac('ESPSIM000002', ({ magic }) => received.push(magic))
    const token = await mac.connectNow().token(topic)
    mac.goOffline()
    await new Promise((resolve) => setTimeout(resolve, 100))
    for (const magic of ['first', 'second']) await push({ token, body: JSON.stringify({ mdm: magic }) })
    await push({ token, body: '{"mdm":"now or never"}', headers: { 'apns-expiration': '0' } })
    const again = keepCourier({
      serial: 'ESPSIM000002',
      link: mac.link,
      onPush: ({ magic }) => received.push(magic),
      signal: living.signal,
    })
    expect(await again.token(topic)).toBe(token)
    expect(received).toEqual(['second'])
  })

  test('answers each fault with Apple’s status and reason', async () => {
    const mac = await newMac('ESPSIM000003')
    const courier = mac.connectNow()
    const token = await courier.token(topic)
    const foreign = createPushCertificates(new Date())
    const cases: [Parameters<typeof push>[0], number, string][] = [
      [{ token, certificate: undefined }, 403, 'MissingProviderToken'],
      [{ token, certificate: { cert: foreign.pushCertPem, key: foreign.pushKeyPem } }, 403, 'BadCertificate'],
      [{ token, method: 'PUT' }, 405, 'MethodNotAllowed'],
      [{ token, path: '/2/device' }, 404, 'BadPath'],
      [{ token: '' }, 400, 'MissingDeviceToken'],
      [{ token: 'zz' }, 400, 'BadDeviceToken'],
      [{ token: 'ab'.repeat(32) }, 400, 'BadDeviceToken'],
      [{ token, headers: { 'apns-topic': undefined } }, 400, 'MissingTopic'],
      [{ token, headers: { 'apns-topic': 'com.apple.mgmt.External.other' } }, 400, 'TopicDisallowed'],
      [{ token: await courier.token('com.apple.mgmt.External.other') }, 400, 'DeviceTokenNotForTopic'],
      [{ token, headers: { 'apns-push-type': 'alert' } }, 400, 'InvalidPushType'],
      [{ token, headers: { 'apns-priority': '7' } }, 400, 'BadPriority'],
      [{ token, headers: { 'apns-expiration': 'soon' } }, 400, 'BadExpirationDate'],
      [{ token, body: '{}' }, 400, 'PayloadEmpty'],
      [{ token, body: JSON.stringify({ mdm: 'x'.repeat(5000) }) }, 413, 'PayloadTooLarge'],
    ]
    for (const [options, status, reason] of cases) expect(await push(options)).toEqual({ status, reason })
    courier.unregister(token)
    await expect.poll(() => push({ token })).toEqual({ status: 410, reason: 'Unregistered' })
    expect(await courier.token(topic)).not.toBe(token)
  })

  test('refuses too many pushes to one token', async () => {
    const mac = await newMac('ESPSIM000004')
    const token = await mac.connectNow().token(topic)
    const answers = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const seen: number[] = []
        for (let i = 0; i < 10; i++) seen.push((await push({ token })).status)
        return seen
      }),
    )
    expect(answers.flat().filter((status) => status === 429)).toHaveLength(20)
  })
})

describe('attestation', () => {
  const boot = { osVersion: '26.1', sepOsVersion: '1', llb: '1', sipEnabled: true, secureBoot: 'full', thirdPartyKexts: false }
  const body = (serial: string) => ({
    serial,
    purpose: 'device-information',
    spki: Buffer.from(ephemeralKey('P-384').spki).toString('base64url'),
    freshness: Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url'),
    boot,
  })

  test('is given to the Mac that holds the factory key, and the cache outlives a restart', async () => {
    const mac = await newMac('ESPSIM000005')
    const first = await mac.link.attest(body('ESPSIM000005'), living.signal)
    expect(first).toHaveLength(2)
    await apple.close()
    apple = await serveApple({ directory, now: () => new Date() })
    expect(await mac.link.attest(body('ESPSIM000005'), living.signal)).toEqual(first)
  })

  test('is refused to whoever only knows a serial number', async () => {
    await newMac('ESPSIM000006')
    const impostor = createAppleLink(directory, ephemeralKey('P-256'))
    await expect(impostor.attest(body('ESPSIM000006'), living.signal)).rejects.toThrow('401')
    await expect(impostor.manufacture(manufacture('ESPSIM000006'), living.signal)).rejects.toThrow('another Mac')
  })
})

describe('the process', () => {
  test('makes keys and certificates without serving, each secret for its owner alone', async () => {
    const path = join(folder.path, 'init')
    expect(await run('apple/main.ts', ['--dir', path, '--init-only']).exit()).toBe(0)
    expect(readAddress(path)).toBeUndefined()
    const modes = ['attestation-root.pem', 'push-cert.pem', 'push-key.pem', 'attestation-authority.json', 'push-authority.json']
    expect(modes.map((name) => (statSync(join(path, name)).mode & 0o777).toString(8))).toEqual(['644', '644', '600', '600', '600'])
    const root = readFileSync(join(path, 'attestation-root.pem'), 'utf8')
    await run('apple/main.ts', ['--dir', path, '--init-only']).exit()
    expect(readFileSync(join(path, 'attestation-root.pem'), 'utf8')).toBe(root)
  })

  test('runs once a directory: the second attaches, one after a kill takes over', async () => {
    const path = join(folder.path, 'twice')
    const first = run('apple/main.ts', ['--dir', path])
    await first.until(({ state }) => state === 'serving')
    const second = run('apple/main.ts', ['--dir', path])
    expect(await second.exit()).toBe(0)
    expect(second.output()).toContain('already runs')
    first.child.kill('SIGKILL')
    await first.exit()
    const third = run('apple/main.ts', ['--dir', path])
    await third.until(({ state }) => state === 'serving')
    expect(readAddress(path)?.pid).toBe(third.child.pid)
    await third.stop()
  })

  test('takes over a lock whose process id belongs to another program by now', async () => {
    const path = join(folder.path, 'recycled')
    await run('apple/main.ts', ['--dir', path, '--init-only']).exit()
    writeFileSync(join(path, 'lock'), `${process.pid} at another time`)
    const apple = run('apple/main.ts', ['--dir', path])
    await apple.until(({ state }) => state === 'serving')
    await apple.stop()
  })
})
