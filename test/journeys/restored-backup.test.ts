import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Appliance, until as eventually, startAppliance, untilTrusted } from './support/appliance.ts'
import { type StartedFleet, startApple, startMac } from './support/fleet.ts'
import { findMac, type MacView, macDirectory, switchOn, untilMac } from './support/mac.ts'
import { ownerOf, type Person } from './support/person.ts'

/** What was revoked after the backup was taken stays revoked when the backup is put back (DESIGN §4). */
const [KEPT, REVOKED] = ['BACKUPMAC001', 'BACKUPMAC002'] as const

let appliance: Appliance
let apple: StartedFleet
let key: string
const running = new Map<string, StartedFleet>()

beforeAll(async () => {
  appliance = await startAppliance({ env: { ESPALIER_SOFTWARE_MACS: '0', ESPALIER_REATTEST_JITTER_SECONDS: '0' } })
  apple = startApple(appliance)
  for (const serial of [KEPT, REVOKED]) running.set(serial, await startMac(appliance, serial, ['--engine', 'sim']))
  await untilTrusted(appliance, 2)
  const owner = await ownerOf(appliance)
  const created = await owner.tell<{ key: string }>('apiKeys.createApiKey', { name: 'lost', scopes: ['inference'], expiresInDays: 30 })
  key = created.key
  // An orderly stop, a copy of the database's files: the plainest backup there is.
  await appliance.kill('SIGINT')
  await copy(cluster(), backup())
  await appliance.restart()
  await untilTrusted(appliance, 2)
}, 240_000)

afterAll(async () => {
  await Promise.all([...running.values(), apple].map((one) => one?.stop()))
  await appliance?.close()
}, 60_000)

const cluster = () => join(appliance.dataDir, 'postgres')
const backup = () => join(appliance.dataDir, 'backup')
const listFile = () => join(appliance.dataDir, 'revocations.json')

/** With owners and rights: the database belongs to another user where the appliance runs as root. */
const copy = (from: string, to: string) => promisify(execFile)('cp', ['-a', from, to])

async function restore(): Promise<void> {
  await appliance.kill('SIGINT')
  await rm(cluster(), { recursive: true })
  await copy(backup(), cluster())
}

const until = (person: Person, serial: string, isReached: (view: MacView) => boolean) =>
  untilMac(person, { serial, explain: () => appliance.output().slice(-4000) }, isReached)

/** What an employee's tool is answered under a key. */
const askUnder = async (bearer: string): Promise<{ status: number; mac: string | null; code: string | undefined }> => {
  const reply = await fetch(`${appliance.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${bearer}` },
    body: JSON.stringify({ model: 'espalier-sim', max_tokens: 4, messages: [{ role: 'user', content: 'Hello' }] }),
  })
  const { error } = (await reply.json()) as { error?: { code: string } }
  return { status: reply.status, mac: reply.headers.get('x-espalier-mac'), code: error?.code }
}

const isRevoked = ({ trust, isRoutable }: MacView) => trust === 'revoked' && !isRoutable

test('a Mac and a key are revoked, and route no more', { timeout: 60_000 }, async () => {
  const owner = await ownerOf(appliance)
  expect((await askUnder(key)).status).toBe(200)
  await owner.tell('macs.revokeMac', { mac: (await findMac(owner, REVOKED))?.id })
  const { rows } = await owner.ask<{ rows: { id: string; name: string }[] }>('apiKeys.listApiKeys', {})
  await owner.tell('apiKeys.revokeApiKey', { id: rows.find(({ name }) => name === 'lost')?.id })
  expect(await until(owner, REVOKED, isRevoked)).toMatchObject({ isRoutable: false })
  expect(await askUnder(key)).toMatchObject({ status: 401 })
})

test('with the list beside the database the backup brings back neither, from the first moment', { timeout: 120_000 }, async () => {
  await restore()
  await appliance.restart()
  expect(await askUnder(key)).toMatchObject({ status: 401 })
  const owner = await ownerOf(appliance)
  expect(await findMac(owner, REVOKED)).toMatchObject({ trust: 'revoked', isRoutable: false })
  await untilTrusted(appliance, 1)
  expect(await askUnder(appliance.apiKey)).toMatchObject({ status: 200, mac: (await findMac(owner, KEPT))?.id })
})

test('without it nothing routes before a Mac that knows the list is back; then neither does', { timeout: 120_000 }, async () => {
  await running.get(KEPT)?.stop()
  await restore()
  await rm(listFile())
  await appliance.restart()
  const owner = await ownerOf(appliance)
  // The restored database knows nothing of the revocation, and the revoked Mac is there to be used.
  await running.get(REVOKED)?.stop()
  running.set(REVOKED, switchOn(appliance, macDirectory(appliance, REVOKED), ['--engine', 'sim']))
  await until(owner, REVOKED, ({ reasons, trust }) => trust === 'trusted' || !reasons.includes('NO_SESSION'))
  for (const bearer of [key, appliance.apiKey]) expect((await askUnder(bearer)).status).not.toBe(200)
  expect(await findMac(owner, REVOKED)).toMatchObject({ isRoutable: false })

  running.set(KEPT, switchOn(appliance, macDirectory(appliance, KEPT), ['--engine', 'sim']))
  await until(owner, REVOKED, isRevoked)
  await eventually(
    async () => (await askUnder(key)).status === 401,
    10_000,
    () => 'the key is good again',
  )
  await untilTrusted(appliance, 1)
  expect(await askUnder(appliance.apiKey)).toMatchObject({ status: 200, mac: (await findMac(owner, KEPT))?.id })
})
