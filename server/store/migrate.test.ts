import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterEach, describe, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../test/support/postgres.ts'
import { scratchFolder } from '../../test/support/scratch-folder.ts'
import { applyMigrations, choosePending, MigrationError } from './migrate.ts'

describe('choosePending', () => {
  const first = { name: '1_init', sha256: 'a' }
  const second = { name: '2_more', sha256: 'b' }
  const third = { name: '3_most', sha256: 'c' }

  test('applies everything to an empty database and nothing to a current one', () => {
    expect(choosePending([first, second], [])).toEqual([first, second])
    expect(choosePending([first, second], [first, second])).toEqual([])
    expect(choosePending([first, second], [first])).toEqual([second])
  })

  test('refuses a database that a newer program migrated', () => {
    expect(() => choosePending([first], [first, second])).toThrow(/2_more, which this version does not know/)
  })

  test('refuses a migration that was edited after it had been applied', () => {
    expect(() => choosePending([{ ...first, sha256: 'edited' }], [first])).toThrow(/1_init was changed/)
  })

  test('refuses a migration slipped in before one already applied', () => {
    expect(() => choosePending([first, second, third], [first, third])).toThrow(/2_more is older/)
  })
})

describe('applyMigrations', () => {
  let database: TestDatabase | undefined
  afterEach(() => database?.drop())

  async function emptyDatabaseAndDir(): Promise<{ url: string; dir: string }> {
    database = await testDatabase()
    const client = new Client({ connectionString: database.url })
    await client.connect()
    await client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
    await client.end()
    return { url: database.url, dir: scratchFolder() }
  }

  async function write(dir: string, name: string, sql: string): Promise<void> {
    await mkdir(join(dir, name), { recursive: true })
    await writeFile(join(dir, name, 'migration.sql'), sql)
  }

  test('two replicas that boot together apply each migration once', async () => {
    const { url, dir } = await emptyDatabaseAndDir()
    await write(dir, '1_init', 'CREATE TABLE a (id int)')
    await write(dir, '2_more', 'CREATE TABLE b (id int)')
    const applied = await Promise.all([applyMigrations(url, dir), applyMigrations(url, dir), applyMigrations(url, dir)])
    expect(applied.flat().sort()).toEqual(['1_init', '2_more'])
  })

  test('a migration that fails half-way leaves nothing behind and says why', async () => {
    const { url, dir } = await emptyDatabaseAndDir()
    await write(dir, '1_init', 'CREATE TABLE a (id int); SELECT nonsense')
    await expect(applyMigrations(url, dir)).rejects.toThrow(MigrationError)
    await expect(applyMigrations(url, dir)).rejects.toThrow(/1_init failed and was undone: column "nonsense" does not exist/)
    await write(dir, '1_init', 'CREATE TABLE a (id int)')
    expect(await applyMigrations(url, dir)).toEqual(['1_init'])
  })

  test('an empty folder is an incomplete installation', async () => {
    const { url, dir } = await emptyDatabaseAndDir()
    await expect(applyMigrations(url, dir)).rejects.toThrow(/no migrations/)
  })
})
