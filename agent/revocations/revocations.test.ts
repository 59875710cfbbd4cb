import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { SignedRevocationList } from '#protocol/frames'
import { revokedMac, signRevocationList } from '#protocol/revocations'
import { openRevocations } from './revocations.ts'

const key = generateKeyPairSync('ed25519').privateKey
const otherKey = generateKeyPairSync('ed25519').privateKey
const listOf = (number: number, ...serials: string[]) => ({
  v: 1 as const,
  number,
  issuedAt: 1_700_000_000_000,
  macs: serials.map(revokedMac),
  apiKeys: [],
})
const signed = (number: number, ...serials: string[]) => signRevocationList(key, listOf(number, ...serials))

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-revocations-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

describe('the revocation list of an agent', () => {
  test('is kept across restarts, where only its owner reads', async () => {
    const first = await openRevocations(folder)
    expect([first.number, first.signed, first.isRevoked('A')]).toEqual([undefined, undefined, false])
    expect(await first.take(signed(3, 'A'))).toBe('taken')
    const again = await openRevocations(folder)
    expect([again.number, again.signed, again.isRevoked('A'), again.isRevoked('B')]).toEqual([3, signed(3, 'A'), true, false])
    expect((await stat(join(folder, 'revocations.json'))).mode & 0o777).toBe(0o600)
  })

  test('never gives way to a lower number', async () => {
    const revocations = await openRevocations(folder)
    await revocations.take(signed(5, 'A'))
    expect(await revocations.take(signed(4))).toBe('older')
    expect(await (await openRevocations(folder)).take(signed(4))).toBe('older')
    expect([revocations.number, revocations.isRevoked('A')]).toEqual([5, true])
  })

  test('gives way to a higher number, and with it a Mac comes back', async () => {
    const revocations = await openRevocations(folder)
    await revocations.take(signed(5, 'A'))
    expect(await revocations.take(signed(6))).toBe('taken')
    expect(revocations.isRevoked('A')).toBe(false)
  })

  test('knows the same list again, and another one under the same number', async () => {
    const revocations = await openRevocations(folder)
    await revocations.take(signed(5, 'A'))
    expect(await revocations.take(signed(5, 'A'))).toBe('held')
    expect(await revocations.take(signed(5, 'B'))).toBe('conflicting')
  })

  test('pins the key of the first list: another key’s is refused, whatever its number and whatever key it names', async () => {
    const revocations = await openRevocations(folder)
    await revocations.take(signed(1))
    expect(await revocations.take(signRevocationList(otherKey, listOf(9)))).toBe('unsigned')
    expect(await (await openRevocations(folder)).take(signRevocationList(otherKey, listOf(9)))).toBe('unsigned')
    const { key: _, ...unnamed } = signed(2)
    expect(await revocations.take(unnamed)).toBe('taken')
  })

  test.each<[string, (list: SignedRevocationList) => SignedRevocationList]>([
    ['names no key', ({ list, signature }) => ({ list, signature })],
    ['is changed', (list) => ({ ...list, list: signed(8).list })],
    ['has another’s signature', (list) => ({ ...list, signature: signed(8).signature })],
    ['is signed by another key than it names', (list) => ({ ...list, key: signRevocationList(otherKey, listOf(7)).key as string })],
  ])('takes no first list that %s', async (_, spoil) => {
    const revocations = await openRevocations(folder)
    expect(await revocations.take(spoil(signed(7)))).toBe('unsigned')
    expect(revocations.number).toBeUndefined()
  })

  test('ends at the highest number, in whatever order lists come', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 }), async (numbers) => {
        const place = await mkdtemp(join(folder, 'x'))
        const revocations = await openRevocations(place)
        await Promise.all(numbers.map((number) => revocations.take(signed(number))))
        expect(revocations.number).toBe(Math.max(...numbers))
        expect((await openRevocations(place)).number).toBe(Math.max(...numbers))
      }),
      { numRuns: 20 },
    )
  })

  test.each([
    ['is no JSON', async () => '{'],
    ['was changed by hand', async (text: string) => text.replace(signed(3, 'A').list, signed(9).list)],
  ])('that was kept and %s stops the agent', async (_, spoil) => {
    await (await openRevocations(folder)).take(signed(3, 'A'))
    const file = join(folder, 'revocations.json')
    await writeFile(file, await spoil(await readFile(file, 'utf8')))
    await expect(openRevocations(folder)).rejects.toMatchObject({ code: 'revocations_unreadable' })
  })
})
