import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createUser } from '../../server/store/users.ts'
import { espalier } from '../../test/journeys/support/cli.ts'
import { type TestDatabase, testDatabase } from '../../test/support/postgres.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.drop())

const environment = () => ({
  ESPALIER_MODE: 'production',
  DATABASE_URL: database.url,
  ESPALIER_SECRET: 'QmV0d2VlbiB0aGUgd2FsbCBhbmQgdGhlIHRyZWUh',
  ESPALIER_PUBLIC_URL: 'https://espalier.example',
})
async function people(argv: string[], env: Record<string, string> = environment()) {
  const { code, stdout, stderr } = await espalier(['people', ...argv, '--json'], env)
  expect(stdout + stderr).not.toMatch(/\n {4}at /)
  return { exit: code, answer: JSON.parse(stdout) as Record<string, unknown> }
}
const owner = (email: string) => createUser(database.store, { email, name: 'O', role: 'owner', passwordHash: null, createdAt: new Date() })

describe('espalier people reset-owner', () => {
  test('offers the one owner a link, says which where there are several, and refuses everybody else', { timeout: 60_000 }, async () => {
    expect(await people(['reset-owner'])).toMatchObject({ exit: 10, answer: { code: 'no_such_owner' } })
    await owner('one@example.com')
    const offered = await people(['reset-owner'])
    expect(offered).toMatchObject({ exit: 0, answer: { code: 'offered', email: 'one@example.com', wasDisabled: false } })
    expect(offered.answer.link).toMatch(/^https:\/\/espalier\.example\/accept-invitation#[A-Za-z0-9_-]{43}$/)
    await owner('two@example.com')
    expect(await people(['reset-owner'])).toMatchObject({ exit: 10, answer: { code: 'ambiguous' } })
    expect(await people(['reset-owner', '--email', 'two@example.com'])).toMatchObject({ exit: 0 })
    expect(await people(['reset-owner', '--email', 'nobody@example.com'])).toMatchObject({ exit: 10, answer: { code: 'no_such_owner' } })
    const trail = await database.store.auditEvent.findMany({ where: { type: 'user.reset-offered' } })
    expect(trail.map(({ actor }) => actor)).toEqual(['system', 'system'])
  })

  test('says what is wrong with what it is given', { timeout: 60_000 }, async () => {
    expect(await people(['reset-owner', '--emial', 'x'])).toMatchObject({ exit: 30, answer: { code: 'bad_option' } })
    const { ESPALIER_PUBLIC_URL: _, ...withoutUrl } = environment()
    expect(await people(['reset-owner'], withoutUrl)).toMatchObject({ exit: 30, answer: { code: 'bad_option' } })
    expect(await people(['reset-owner'], {})).toMatchObject({ exit: 20, answer: { code: 'evaluation_mode' } })
  })
})
