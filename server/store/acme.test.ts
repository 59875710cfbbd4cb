import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../test/support/postgres.ts'
import { acmeIn } from './acme.ts'

const at = (seconds: number) => new Date(1_800_000_000_000 + seconds * 1000)
const account = (id: string) => ({ id, thumbprint: `thumb-${id}`, jwk: { kty: 'EC' } })

describe('accounts that have ordered nothing', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await testDatabase()
    const { store } = database
    await store.mac.create({ data: { id: 'mac', serial: 'C02AAA', addedAt: at(0) } })
    const enrollment = { id: 'e', macId: 'mac', linkHash: new Uint8Array([1]), linkExpiresAt: at(9), createdAt: at(0) }
    await store.enrollment.create({ data: { ...enrollment, state: 'invited' } })
  })
  afterAll(() => database.drop())
  beforeEach(async () => {
    await database.store.acmeOrder.deleteMany()
    await database.store.acmeAccount.deleteMany()
  })

  const acme = () => acmeIn(database.store, { maxIdleAccounts: 2 })
  const ids = async () => (await database.store.acmeAccount.findMany({ orderBy: { createdAt: 'asc' } })).map(({ id }) => id)
  const order = (accountId: string) =>
    acme().createOrder({
      ...{ id: `order-${accountId}`, accountId, enrollmentId: 'e', purpose: 'enrollment', identifier: accountId, token: 't', limit: 8 },
      ...{ createdAt: at(0), expiresAt: at(600) },
    })

  test('make room, the oldest first, once they are ten seconds old', async () => {
    for (const id of ['a', 'b']) await acme().createAccount(account(id), at(0))
    await database.store.acmeAccount.update({ where: { id: 'b' }, data: { createdAt: at(1) } })
    expect(await acme().createAccount(account('c'), at(12))).toMatchObject({ id: 'c' })
    expect(await ids()).toEqual(['b', 'c'])
  })

  test('are bounded when all of them are young', async () => {
    for (const id of ['a', 'b']) await acme().createAccount(account(id), at(0))
    expect(await acme().createAccount(account('c'), at(9))).toBeUndefined()
    expect(await ids()).toEqual(['a', 'b'])
  })

  test('are also those of re-attestations long over: one a Mac and a day would stay for ever', async () => {
    const DAY = 24 * 3600
    for (const [id, purpose] of [
      ['identity', 'enrollment'],
      ['again', 'reattestation'],
    ] as const) {
      await acme().createAccount(account(id), at(0))
      const ordered = { id, accountId: id, enrollmentId: 'e', purpose, identifier: id, token: 't', limit: 8 }
      await acme().createOrder({ ...ordered, createdAt: at(0), expiresAt: at(600) })
    }
    await acme().addNonce('first', at(DAY), at(DAY + 60))
    expect(await ids()).toEqual(['identity', 'again'])
    await acme().addNonce('second', at(2 * DAY), at(2 * DAY + 60))
    expect(await ids()).toEqual(['identity'])
    expect(await database.store.acmeOrder.findMany({ select: { id: true } })).toEqual([{ id: 'identity' }])
  })

  test('are the only ones that count, and the only ones that go', async () => {
    for (const id of ['a', 'b']) {
      await acme().createAccount(account(id), at(0))
      await order(id)
    }
    for (const id of ['c', 'd', 'e']) await acme().createAccount(account(id), at(id === 'e' ? 120 : 1))
    expect(await ids()).toEqual(expect.arrayContaining(['a', 'b', 'e']))
    expect(await ids()).toHaveLength(4)
  })
})
