import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'pg'

/** Why the database cannot be brought to this program's schema, in words for the person who runs it. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError'
}

/** No connection to the database that should be migrated. */
export class DatabaseUnreachable extends Error {
  override readonly name = 'DatabaseUnreachable'
}

type Migration = { name: string; sql: string; sha256: string }

/** Any number, the same for every replica: two that boot together migrate one after the other. */
const ADVISORY_LOCK = 0x65737061

/**
 * Brings the database to the newest schema: plain SQL files in the order of their names, each applied together with its record
 * in one transaction. Forward only. Refuses a database that a newer program migrated, and a migration that was edited after
 * it had been applied. Returns the names applied now.
 */
export async function applyMigrations(databaseUrl: string, dir: string): Promise<string[]> {
  const migrations = await readMigrations(dir)
  const client = new Client({ connectionString: databaseUrl, application_name: 'espalier migrate', connectionTimeoutMillis: 10_000 })
  await connect(client)
  try {
    await client.query('SELECT pg_advisory_lock($1)', [ADVISORY_LOCK])
    await client.query(
      'CREATE TABLE IF NOT EXISTS espalier_migrations (name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())',
    )
    const recorded = await client.query<{ name: string; sha256: string }>('SELECT name, sha256 FROM espalier_migrations ORDER BY name')
    const pending = choosePending(migrations, recorded.rows)
    for (const migration of pending) await applyOne(client, migration)
    return pending.map((migration) => migration.name)
  } finally {
    // Ending the session releases the lock.
    await client.end()
  }
}

/** `connect ECONNREFUSED` alone helps nobody: says which database it was, never with its password. */
async function connect(client: Client): Promise<void> {
  try {
    await client.connect()
  } catch (error) {
    const { database, host, port } = client
    const why = error instanceof Error ? error.message : String(error)
    throw new DatabaseUnreachable(`the database ${database} at ${host}:${port} cannot be reached: ${why}`, { cause: error })
  }
}

async function readMigrations(dir: string): Promise<Migration[]> {
  const entries = await readdir(dir, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  if (names.length === 0)
    throw new MigrationError(`There are no migrations in ${dir}. This copy of Espalier is incomplete: install it again.`)
  return Promise.all(
    names.sort().map(async (name) => {
      const sql = await readFile(join(dir, name, 'migration.sql'), 'utf8')
      return { name, sql, sha256: createHash('sha256').update(sql).digest('hex') }
    }),
  )
}

/** What is left to apply. The recorded migrations must be exactly the first of ours, unchanged. */
export function choosePending<M extends { name: string; sha256: string }>(ours: M[], recorded: { name: string; sha256: string }[]): M[] {
  for (const row of recorded) {
    const migration = ours.find((candidate) => candidate.name === row.name)
    if (!migration) {
      throw new MigrationError(
        `The database holds migration ${row.name}, which this version does not know: a newer Espalier has used it. Start that version, or restore a backup made by this one.`,
      )
    }
    if (migration.sha256 !== row.sha256) {
      throw new MigrationError(
        `Migration ${row.name} was changed after it had been applied to this database. Bring its file back as it was, or restore the database from a backup.`,
      )
    }
  }
  const pending = ours.slice(recorded.length)
  const overtaken = ours.slice(0, recorded.length).find((migration) => !recorded.some((row) => row.name === migration.name))
  if (overtaken) {
    throw new MigrationError(
      `Migration ${overtaken.name} is older than one already applied. Migrations only go forward: give it a newer name.`,
    )
  }
  return pending
}

async function applyOne(client: Client, migration: Migration): Promise<void> {
  try {
    await client.query('BEGIN')
    await client.query(migration.sql)
    await client.query('INSERT INTO espalier_migrations (name, sha256) VALUES ($1, $2)', [migration.name, migration.sha256])
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    const reason = error instanceof Error ? error.message : String(error)
    throw new MigrationError(`Migration ${migration.name} failed and was undone: ${reason}. The database is as it was before.`, {
      cause: error,
    })
  }
}
