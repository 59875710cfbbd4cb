import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { MacId } from '#protocol/ids'
import { createRevocationJoiner, openRevocationList, revokedMac, signRevocationList, toRevocationPages } from '#protocol/revocations'
import { type TestDatabase, testDatabase } from '../../test/support/postgres.ts'
import { MAC, NOW } from '../../test/support/trust-evidence.ts'
import { ensureMac } from '../store/macs.ts'
import { openRevocations, type RevocationChange, type Revocations } from './revocations.ts'

let database: TestDatabase
let folder: string
const key = generateKeyPairSync('ed25519').privateKey
const clock = { now: () => NOW }

beforeEach(async () => {
  database = await testDatabase()
  folder = await mkdtemp(join(tmpdir(), 'espalier-revocations-'))
})
afterEach(async () => {
  await database.drop()
  await rm(folder, { recursive: true, force: true })
})

const file = () => join(folder, 'revocations.json')
const open = (over = database, from = file(), settleMs = 60_000): Promise<Revocations> =>
  openRevocations({ store: over.store, clock, key, file: from, log: { warn: () => undefined }, settleMs })

async function revokeMac(revocations: Revocations, serial: string, over = database): Promise<void> {
  await ensureMac(over.store, { serial, addedAt: NOW })
  await over.store.$transaction(async (tx) => {
    await tx.mac.update({ where: { serial }, data: { revokedAt: NOW } })
    await revocations.append(tx, { serial }, NOW)
  })
  await revocations.publish()
}

async function addKey(id: string, over = database): Promise<void> {
  await over.store.user.upsert({
    where: { id: 'usr_1' },
    create: { id: 'usr_1', email: 'a@example.com', name: 'A', role: 'owner', createdAt: NOW },
    update: {},
  })
  const hash = Uint8Array.from(Buffer.from(id.padEnd(32, '.')))
  await over.store.apiKey.create({ data: { id, hash, prefix: 'esp_', name: id, scopes: [], userId: 'usr_1', createdAt: NOW } })
}

const isRevoked = async (serial: string, over = database) =>
  (await over.store.mac.findUniqueOrThrow({ where: { serial } })).revokedAt !== null

describe('the list', () => {
  test('exists, empty, from the first start on, in the database and beside it', async () => {
    const revocations = await open()
    expect(revocations).toMatchObject({ number: 1, isInForce: true })
    expect(JSON.parse(await readFile(file(), 'utf8'))).toEqual(revocations.signed)
  })

  test('has a new number with every revocation, signed by the log key, and names no serial number', async () => {
    const revocations = await open()
    await revokeMac(revocations, 'REVOKED00001')
    await revokeMac(revocations, 'REVOKED00002')
    const { createPublicKey } = await import('node:crypto')
    const spki = new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }))
    const list = openRevocationList(spki, revocations.signed as never)
    expect(list).toMatchObject({ number: 3, macs: [revokedMac('REVOKED00001'), revokedMac('REVOKED00002')], apiKeys: [] })
    expect(Buffer.from(revocations.signed?.list ?? '', 'base64url').toString()).not.toContain('REVOKED')
  })

  test('is undone with the transaction that it belongs to', async () => {
    const revocations = await open()
    const failing = database.store.$transaction(async (tx) => {
      await revocations.append(tx, { serial: 'REVOKED00001' }, NOW)
      throw new Error('undone')
    })
    await expect(failing).rejects.toThrow('undone')
    await revocations.publish()
    expect(revocations.number).toBe(1)
  })

  test('gets one number each of two revocations at the same moment', async () => {
    const revocations = await open()
    await Promise.all([1, 2, 3, 4].map((n) => revokeMac(revocations, `REVOKED0000${n}`)))
    expect(revocations.number).toBe(5)
    expect(revocations.serials().size).toBe(4)
  })

  test('takes in at its first start what was revoked before there was a list', async () => {
    await ensureMac(database.store, { serial: 'REVOKED00009', addedAt: NOW })
    await database.store.mac.update({ where: { serial: 'REVOKED00009' }, data: { revokedAt: NOW } })
    expect((await open()).serials()).toEqual(new Set([revokedMac('REVOKED00009')]))
  })
})

describe('after a backup of the database was restored', () => {
  /** A Mac and an API key are revoked; the database is as it was before. */
  async function rehearse() {
    const before = await testDatabase()
    for (const over of [database, before]) {
      await ensureMac(over.store, { serial: 'RESTORED0001', addedAt: NOW })
      await addKey('key_restored', over)
    }
    // The backup was made after the first start, so both have the first list.
    const first = await open(before, join(folder, 'backup.json'))
    const revocations = await open()
    await revokeMac(revocations, 'RESTORED0001')
    await database.store.$transaction(async (tx) => {
      await tx.apiKey.update({ where: { id: 'key_restored' }, data: { revokedAt: NOW } })
      await revocations.append(tx, { apiKeyId: 'key_restored' }, NOW)
    })
    await revocations.publish()
    return { before, first, revocations }
  }
  const keyIsRevoked = async (over: TestDatabase) =>
    (await over.store.apiKey.findUniqueOrThrow({ where: { id: 'key_restored' } })).revokedAt !== null

  test('the file beside it wins: all that it names is revoked before anything routes', async () => {
    const { before } = await rehearse()
    const restored = await open(before)
    expect(restored).toMatchObject({ number: 3, isInForce: true })
    expect([await isRevoked('RESTORED0001', before), await keyIsRevoked(before)]).toEqual([true, true])
    await before.drop()
  })

  test('without the file nothing routes until an agent that holds a list has connected, and its list wins', async () => {
    const { before, revocations } = await rehearse()
    const restored = await open(before, join(folder, 'lost.json'))
    expect(restored).toMatchObject({ number: 1, isInForce: false, signed: undefined })
    expect(await isRevoked('RESTORED0001', before)).toBe(false)
    const changes: RevocationChange[] = []
    restored.onChange((change) => void changes.push(change))
    expect(restored.isWanted(undefined, MAC)).toBe(false)
    expect(restored.isWanted(0, MAC)).toBe(false)
    expect(restored.isInForce).toBe(false)
    expect(restored.isWanted(3, MAC)).toBe(true)
    expect(await restored.adopt(revocations.signed as never)).toBe(true)
    expect(restored).toMatchObject({ number: 3, isInForce: true })
    expect([await isRevoked('RESTORED0001', before), await keyIsRevoked(before)]).toEqual([true, true])
    expect(changes.at(-1)).toMatchObject({ macs: [expect.stringMatching(/^mac_/)], apiKeys: ['key_restored'] })
    expect(JSON.parse(await readFile(join(folder, 'lost.json'), 'utf8'))).toEqual(restored.signed)
    await before.drop()
  })

  test('an agent that holds no newer list says that nothing was lost', async () => {
    const { before } = await rehearse()
    const restored = await open(before, join(folder, 'lost.json'))
    expect(restored.isWanted(1, MAC)).toBe(false)
    await expect.poll(() => restored.isInForce).toBe(true)
    expect(restored.number).toBe(1)
    await before.drop()
  })

  describe('of a fleet of three, whose first to come back was revoked since,', () => {
    async function restoredFleet(settleMs?: number) {
      const { before, revocations } = await rehearse()
      const macs = []
      for (const serial of ['RESTORED0001', 'RESTORED0002', 'RESTORED0003']) {
        const { id } = await ensureMac(before.store, { serial, addedAt: NOW })
        const enrollment = {
          id: serial,
          macId: id,
          state: 'enrolled',
          linkHash: Buffer.from(serial),
          linkExpiresAt: NOW,
          createdAt: NOW,
        } as const
        await before.store.enrollment.create({ data: enrollment })
        const key = {
          id: `key_${serial}`,
          macId: id,
          enrollmentId: serial,
          spki: Buffer.from(serial),
          provedAt: NOW,
          level: 'ticket',
        } as const
        await before.store.agentKey.create({ data: key })
        macs.push(id)
      }
      return { before, revocations, macs, restored: await open(before, join(folder, 'lost.json'), settleMs) }
    }

    test('its word alone, however often repeated, lets nothing route, and another’s newer list wins', async () => {
      const { before, revocations, macs, restored } = await restoredFleet()
      for (const _ of [1, 2, 3]) expect(restored.isWanted(1, macs[0] as MacId)).toBe(false)
      await new Promise((resolve) => setTimeout(resolve, 300))
      expect(restored.isInForce).toBe(false)
      expect(restored.isWanted(3, macs[1] as MacId)).toBe(true)
      expect(await restored.adopt(revocations.signed as never)).toBe(true)
      expect(restored.isInForce).toBe(true)
      expect(await isRevoked('RESTORED0001', before)).toBe(true)
      await before.drop()
    })

    test('the word of most of them is enough', async () => {
      const { before, macs, restored } = await restoredFleet()
      for (const mac of macs.slice(0, 2)) restored.isWanted(1, mac)
      await expect.poll(() => restored.isInForce).toBe(true)
      await before.drop()
    })

    test('its word alone is enough once time has passed in which none that knows better has come', async () => {
      const { before, macs, restored } = await restoredFleet(50)
      restored.isWanted(1, macs[0] as MacId)
      expect(restored.isInForce).toBe(false)
      await expect.poll(() => restored.isInForce).toBe(true)
      await before.drop()
    })
  })

  test('what was revoked meanwhile joins the list that is adopted', async () => {
    const { before, revocations } = await rehearse()
    const restored = await open(before, join(folder, 'lost.json'))
    await revokeMac(restored, 'MEANWHILE001', before)
    expect(restored.number).toBe(1)
    await restored.adopt(revocations.signed as never)
    expect(restored.number).toBe(4)
    expect(restored.serials()).toEqual(new Set([revokedMac('RESTORED0001'), revokedMac('MEANWHILE001')]))
    await before.drop()
  })

  test.each([
    ['signed by another key', (list: string) => ({ ...signRevocationList(generateKeyPairSync('ed25519').privateKey, parse(list)) })],
    ['with one bit changed', (list: string, signature: string) => ({ list: `${list.slice(0, -2)}AA`, signature })],
  ])('a list %s is not taken, from an agent or from the file', async (_, forge) => {
    const { before, revocations } = await rehearse()
    const { list, signature } = revocations.signed ?? { list: '', signature: '' }
    const forged = forge(list, signature)
    const lost = join(folder, 'lost.json')
    await writeFile(lost, JSON.stringify(forged))
    const restored = await open(before, lost)
    expect(restored.isInForce).toBe(false)
    expect(await restored.adopt(forged)).toBe(false)
    expect(await isRevoked('RESTORED0001', before)).toBe(false)
    await before.drop()
  })

  test('an older list is not taken back', async () => {
    const { before, first, revocations } = await rehearse()
    expect(await revocations.adopt(first.signed as never)).toBe(false)
    expect(revocations.number).toBe(3)
    await before.drop()
  })
})

const parse = (list: string) => JSON.parse(Buffer.from(list, 'base64url').toString())

describe('a list too long for one frame', () => {
  const many = Array.from({ length: 20_000 }, (_, n) => n.toString(16).padStart(64, '0'))
  const long = signRevocationList(createPrivateKey(key.export({ type: 'pkcs8', format: 'pem' })), {
    ...{ v: 1, number: 7, issuedAt: NOW.getTime() },
    ...{ macs: many, apiKeys: many },
  })

  test('travels in pages and is whole again at the other end', () => {
    const pages = toRevocationPages(long)
    expect(pages.length).toBeLessThanOrEqual(60)
    for (const page of pages) expect(JSON.stringify({ type: 'revocation-list', signed: page }).length).toBeLessThan(64 * 1024)
    const join = createRevocationJoiner()
    expect(pages.map((page) => join(page).state)).toEqual([...pages.slice(1).map(() => 'partial'), 'whole'])
    expect(join(pages[0] as never)).toEqual({ state: 'partial' })
    const again = createRevocationJoiner()
    const last = pages.map((page) => again(page)).at(-1)
    expect(last).toEqual({ state: 'whole', signed: long })
  })

  test.each([
    ['a page is left out', (pages: unknown[]) => [pages[0], pages[2]]],
    ['two change places', (pages: unknown[]) => [pages[1]]],
    ['one comes twice', (pages: unknown[]) => [pages[0], pages[1], pages[1]]],
  ])('is malformed where %s', (_, choose) => {
    const join = createRevocationJoiner()
    const states = choose(toRevocationPages(long)).map((page) => join(page as never).state)
    expect(states.at(-1)).toBe('malformed')
  })
})
