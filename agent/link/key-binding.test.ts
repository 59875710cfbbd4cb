import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { base64url, fromBase64url } from '#protocol/bytes'
import type { SignedRevocationList } from '#protocol/frames'
import { randomBytes } from '#protocol/ids'
import { revokedMac, signRevocationList, toRevocationPages } from '#protocol/revocations'
import { keyAttestationClientData, publishedKeyName } from '#protocol/statements'
import { runAgent } from '../main.ts'
import { readStatus } from '../status-file.ts'
import { type AgentConnection, startCoordinator, type TestCoordinator } from '../testing/coordinator.ts'
import { softwareFolder } from '../testing/software-folder.ts'

/** The whole agent over a real socket; the Platform SSO extension is a real HTTP server that notes what it is asked. */
let coordinator: TestCoordinator
let mac: Awaited<ReturnType<typeof softwareFolder>>
let stop: AbortController
let running: Promise<void>
const servers: { close(): unknown }[] = []

beforeEach(async () => {
  coordinator = await startCoordinator()
  mac = await softwareFolder()
  stop = new AbortController()
  running = Promise.resolve()
})
afterEach(async () => {
  stop.abort()
  await coordinator.close()
  await running
  for (const server of servers.splice(0)) server.close()
  await mac.remove()
})

async function startAgent(): Promise<AgentConnection> {
  const engine = { kind: 'sim', slots: 1, contextTokens: 1000, ttftMs: 1, itlMs: 1 } as const
  const options = {
    url: coordinator.url,
    platform: { kind: 'software', folder: mac.folder } as const,
    engine,
    models: [{ name: 'sim-model', directory: '' }],
    stateFolder: join(mac.folder, 'agent'),
  }
  running = runAgent(options, stop.signal, { log: pino({ level: 'silent' }) })
  return coordinator.nextAgent()
}

async function startExtension(answer: { status: number; body: object }): Promise<{ asked: Record<string, unknown>[] }> {
  const asked: Record<string, unknown>[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (part) => (text += part))
    request.on('end', () => {
      asked.push({ ...JSON.parse(text), authorization: request.headers.authorization })
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  servers.push(server)
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/attest-key`
  await writeFile(join(mac.folder, 'platform-sso.json'), JSON.stringify({ url, secret: 'a word of the extension' }))
  return { asked }
}

const keychain = () => join(mac.folder, 'system-keychain')

describe('level mdm-signed', () => {
  test('puts a certificate of its key, named by the nonce, into the System keychain, and shows it', async () => {
    const agent = await startAgent()
    const hello = await agent.next('hello')
    agent.send({ type: 'challenge', session: agent.session, nonce: 'AAAA', at: 1, previous: null })
    await agent.next('challenge-answer')
    const nonce = randomBytes(32)
    agent.send({ type: 'publish-key', session: agent.session, mac: agent.mac, nonce: base64url(nonce) })
    const { certificate } = await agent.next('key-published')
    const der = fromBase64url(certificate) as Uint8Array
    const parsed = new X509Certificate(der)
    expect(parsed.subject).toBe(`CN=${publishedKeyName(nonce)}`)
    expect(base64url(new Uint8Array(parsed.publicKey.export({ type: 'spki', format: 'der' })))).toBe(hello.agentKey)
    expect(await readdir(keychain())).toEqual([`${createHash('sha256').update(der).digest('hex')}.der`])
  })

  test('leaves one certificate of its own there, and what else there is alone', async () => {
    await mkdir(keychain())
    await writeFile(join(keychain(), 'company.der'), 'not ours')
    const agent = await startAgent()
    await agent.challenge()
    for (const _ of [1, 2]) {
      agent.send({ type: 'publish-key', session: agent.session, mac: agent.mac, nonce: base64url(randomBytes(16)) })
      await agent.next('key-published')
    }
    expect((await readdir(keychain())).length).toBe(2)
    expect(await readFile(join(keychain(), 'company.der'), 'utf8')).toBe('not ours')
  })
})

describe('level apple', () => {
  test('has Apple asked about its key for this Mac, session and nonce, and hands the chain on', async () => {
    const extension = await startExtension({ status: 200, body: { chain: ['AAAA', 'BBBB'] } })
    const agent = await startAgent()
    const hello = await agent.next('hello')
    expect(hello.keyBindings).toEqual(['mdm-signed', 'apple'])
    agent.send({ type: 'challenge', session: agent.session, nonce: 'AAAA', at: 1, previous: null })
    await agent.next('challenge-answer')
    const nonce = randomBytes(32)
    agent.send({ type: 'attest-key', session: agent.session, mac: agent.mac, nonce: base64url(nonce) })
    expect((await agent.next('key-attestation')).chain).toEqual(['AAAA', 'BBBB'])
    const agentKey = fromBase64url(hello.agentKey) as Uint8Array
    const clientData = keyAttestationClientData({ mac: agent.mac, session: agent.session, nonce, agentKey })
    const clientDataHash = createHash('sha256').update(clientData).digest('base64url')
    expect(extension.asked).toEqual([{ clientDataHash, authorization: 'Bearer a word of the extension' }])
  })

  test('goes on without an answer where the extension refuses', async () => {
    await startExtension({ status: 503, body: {} })
    const agent = await startAgent()
    await agent.challenge()
    agent.send({ type: 'attest-key', session: agent.session, mac: agent.mac, nonce: 'AAAA' })
    await agent.trust('ab'.repeat(32))
    expect(agent.waiting('key-attestation')).toEqual([])
  })
})

describe('the revocation list', () => {
  const key = generateKeyPairSync('ed25519').privateKey
  const listOf = (number: number, ...serials: string[]) =>
    signRevocationList(key, { v: 1, number, issuedAt: 1, macs: serials.map(revokedMac), apiKeys: [] })

  test('is held, offered at the next hello, and given when asked for', async () => {
    const first = await startAgent()
    await first.establish()
    first.send({ type: 'revocation-list', signed: listOf(4, 'ANOTHER') })
    first.send({ type: 'send-revocation-list' })
    expect((await first.next('revocation-list')).signed).toEqual(listOf(4, 'ANOTHER'))
    first.socket.close()
    const second = await coordinator.nextAgent()
    expect((await second.next('hello')).revocations).toBe(4)
  })

  test('with this Mac on it ends the session, and in the next nothing is published, served or called available', async () => {
    const first = await startAgent()
    const config = await first.establish()
    first.send({ type: 'revocation-list', signed: listOf(1, 'SW0000000001') })
    expect(await first.closed).toMatchObject({ reason: 'this Mac is revoked' })
    const second = await coordinator.nextAgent()
    await second.challenge()
    expect((await second.next('capacity')).capacity.available).toBe(false)
    second.send({ type: 'status', mac: second.mac, trust: 'trusted', reasons: [], evidenceDigest: 'ab'.repeat(32) })
    const asked = {
      model: 'sim-model',
      messages: [{ role: 'user' as const, content: 'hi' }],
      sampling: { temperature: 0, topP: 1 },
      stop: [],
    }
    await second.ask(config, asked)
    expect((await second.next('error')).code).toBe('draining')
    expect(second.waiting('key-config')).toEqual([])
    expect(await readStatus(join(mac.folder, 'agent'))).toMatchObject({ trust: 'refused', reasons: ['MAC_REVOKED'] })

    // A later list without this Mac brings it back, in the same session.
    second.send({ type: 'revocation-list', signed: listOf(2) })
    expect(await second.next('key-config')).toBeDefined()
  })

  test('too long for one frame comes and goes in pages', async () => {
    const serials = Array.from({ length: 2000 }, (_, index) => `SERIAL${index}`)
    const pages = toRevocationPages(listOf(7, ...serials))
    expect(pages.length).toBeGreaterThan(1)
    const agent = await startAgent()
    await agent.establish()
    for (const signed of pages) agent.send({ type: 'revocation-list', signed })
    agent.send({ type: 'send-revocation-list' })
    for (const page of pages) expect((await agent.next('revocation-list')).signed).toEqual(page)
    agent.send({ type: 'revocation-list', signed: pages[1] as SignedRevocationList })
    expect(await agent.closed).toMatchObject({ reason: expect.stringContaining('revocation list') })
  })

  test('under another key ends the session', async () => {
    const first = await startAgent()
    await first.establish()
    first.send({ type: 'revocation-list', signed: listOf(1) })
    const impostor = generateKeyPairSync('ed25519').privateKey
    first.send({ type: 'revocation-list', signed: signRevocationList(impostor, { v: 1, number: 9, issuedAt: 1, macs: [], apiKeys: [] }) })
    expect(await first.closed).toMatchObject({ reason: 'revocation list unsigned' })
  })
})
