import { generateKeyPairSync } from 'node:crypto'
import { chmod, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fromBase64url } from '#protocol/bytes'
import { randomBytes } from '#protocol/ids'
import { signCanonical, verifyStatement } from '#protocol/statements'
import { deliverTicket, setDevice, softwareFolder } from '../testing/software-folder.ts'
import { openMacPlatform } from './macos.ts'
import { openSoftwarePlatform } from './software.ts'

let mac: Awaited<ReturnType<typeof softwareFolder>>
beforeEach(async () => {
  mac = await softwareFolder()
})
afterEach(() => mac.remove())

const keyFile = () => join(mac.folder, 'secure-enclave', 'agent-key.pem')

test('makes its key once, for its owner only, and signs with it', async () => {
  const platform = await openSoftwarePlatform(mac.folder)
  expect((await stat(keyFile())).mode & 0o777).toBe(0o600)
  const { body, signature } = await signCanonical(platform.signer, 'challenge', { a: 1 })
  const decoded = { body: fromBase64url(body) as Uint8Array, signature: fromBase64url(signature) as Uint8Array }
  expect(verifyStatement({ spki: platform.signer.publicKey, purpose: 'challenge', ...decoded })).toBe(true)
  expect(verifyStatement({ spki: platform.signer.publicKey, purpose: 'heartbeat', ...decoded })).toBe(false)
  expect((await openSoftwarePlatform(mac.folder)).signer.publicKey).toEqual(platform.signer.publicKey)
})

test('refuses a key that others can read', async () => {
  await openSoftwarePlatform(mac.folder)
  await chmod(keyFile(), 0o644)
  await expect(openSoftwarePlatform(mac.folder)).rejects.toMatchObject({ code: 'agent_key_unusable' })
})

test('refuses a key of another kind', async () => {
  await openSoftwarePlatform(mac.folder)
  const { privateKey } = generateKeyPairSync('ed25519')
  await writeFile(keyFile(), privateKey.export({ type: 'pkcs8', format: 'pem' }))
  await expect(openSoftwarePlatform(mac.folder)).rejects.toMatchObject({ code: 'agent_key_unusable' })
})

test('refuses a folder that describes no Mac', async () => {
  await rm(join(mac.folder, 'device.json'))
  await expect(openSoftwarePlatform(mac.folder)).rejects.toMatchObject({ code: 'device_unreadable' })
  await setDevice(mac.folder, { secureBoot: 'probably' })
  await expect(openSoftwarePlatform(mac.folder)).rejects.toMatchObject({ code: 'device_unreadable' })
})

test('reads the state of the machine anew each time', async () => {
  const platform = await openSoftwarePlatform(mac.folder)
  expect(await platform.facts()).toMatchObject({ sipEnabled: true, secureBoot: 'full' })
  await setDevice(mac.folder, { sip: false, bootSession: 'another' })
  expect(await platform.facts()).toMatchObject({ sipEnabled: false, bootSession: 'another' })
})

test('has a ticket only when it is there, whole, and the one asked for', async () => {
  const platform = await openSoftwarePlatform(mac.folder)
  expect(await platform.readTicket('t1')).toBeUndefined()
  const ticket = randomBytes(32)
  await deliverTicket(mac.folder, 't1', ticket)
  expect(await platform.readTicket('t1')).toEqual(ticket)
  expect(await platform.readTicket('t2')).toBeUndefined()
  const file = join(mac.folder, 'managed', 'ticket.json')
  await writeFile(file, (await readFile(file, 'utf8')).slice(0, -5))
  expect(await platform.readTicket('t1')).toBeUndefined()
})

test('hashes the code that runs, the same each time', async () => {
  const [first, second] = [await openSoftwarePlatform(mac.folder), await openSoftwarePlatform(mac.folder)]
  expect(first.codeHash).toMatch(/^[0-9a-f]{64}$/)
  expect(second.codeHash).toBe(first.codeHash)
})

if (process.platform !== 'darwin') {
  test('the platform macos is refused elsewhere with a clear code', async () => {
    await expect(openMacPlatform()).rejects.toMatchObject({ code: 'platform_unsupported' })
  })
}
