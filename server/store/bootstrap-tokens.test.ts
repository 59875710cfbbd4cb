import { afterEach, beforeEach, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../test/support/postgres.ts'
import { createSecretBox } from '../secrets.ts'
import { bootstrapTokensIn, rewrapBootstrapTokens } from './bootstrap-tokens.ts'

const OLD = 'an old secret of thirty-two characters'
const NEW = 'a new secret of thirty-two characters'
const token = new TextEncoder().encode('a bootstrap token')
const at = new Date('2026-11-02T09:00:00Z')

let database: TestDatabase
beforeEach(async () => {
  database = await testDatabase()
  await database.store.mac.create({ data: { id: 'mac', serial: 'C02AAA', addedAt: at } })
  for (const id of ['E1', 'E2']) {
    const link = { linkHash: new TextEncoder().encode(id), linkExpiresAt: at }
    await database.store.enrollment.create({ data: { id, macId: 'mac', state: 'enrolled', createdAt: at, ...link } })
  }
})
afterEach(() => database.drop())

test('a token lies sealed, and does not open under another enrollment', async () => {
  const { store } = database
  const tokens = bootstrapTokensIn(store, createSecretBox(OLD))
  await tokens.keep('E1', token, at)
  const { envelope } = await store.bootstrapToken.findUniqueOrThrow({ where: { enrollmentId: 'E1' } })
  expect(Buffer.from(envelope).includes('bootstrap')).toBe(false)
  await store.bootstrapToken.create({ data: { enrollmentId: 'E2', envelope, keptAt: at } })
  await expect(tokens.find('E2')).rejects.toThrow('damaged or was made for another name')
  expect(await tokens.find('E1')).toEqual(token)
})

test('after a rotation of the secret every token opens under the new one alone', async () => {
  const { store } = database
  await bootstrapTokensIn(store, createSecretBox(OLD)).keep('E1', token, at)
  await rewrapBootstrapTokens(store, createSecretBox(NEW, [OLD]))
  expect(await bootstrapTokensIn(store, createSecretBox(NEW)).find('E1')).toEqual(token)
})

test.each(['invited', 'profile_issued', 'acme_attested', 'unenrolled', 'superseded'] as const)(
  'an enrollment that is %s leaves none',
  async (state) => {
    const { store } = database
    await store.enrollment.update({ where: { id: 'E1' }, data: { state } })
    expect(await bootstrapTokensIn(store, createSecretBox(OLD)).keep('E1', token, at)).toBe(false)
    expect(await store.bootstrapToken.count()).toBe(0)
  },
)
