import { Client } from 'pg'
import type { Env } from './env.ts'
import type { Log } from './log.ts'
import { startEmbeddedPostgres } from './store/embedded-postgres.ts'
import { applyMigrations } from './store/migrate.ts'

export type Database = {
  url: string
  /** Settles when the embedded server cannot be kept running; never for a database of the customer's own. */
  lost: Promise<Error>
  close(): Promise<void>
}

const MIGRATIONS = new URL('../prisma/migrations', import.meta.url).pathname

/** The customer's PostgreSQL, or our own; brought to the newest schema either way. */
export async function openDatabase(env: Env, log: Log): Promise<Database> {
  const database = env.databaseUrl === undefined ? await startEmbedded(env, log) : customersOwn(env.databaseUrl)
  try {
    if (env.databaseUrl !== undefined) await requireReachable(env.databaseUrl)
    for (const migration of await applyMigrations(database.url, MIGRATIONS)) log.info({ migration }, 'migrated the database')
    return database
  } catch (error) {
    await database.close()
    throw error
  }
}

/** Says whose address it was: `connect ECONNREFUSED` alone helps nobody. The password stays out of it. */
async function requireReachable(url: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  try {
    await client.connect()
  } catch (error) {
    const { host, pathname } = new URL(url)
    const why = error instanceof Error ? error.message : String(error)
    throw new Error(`DATABASE_URL: the database ${pathname.slice(1)} at ${host} cannot be reached: ${why}`, { cause: error })
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function startEmbedded(env: Env, log: Log): Promise<Database> {
  const server = await startEmbeddedPostgres({ dataDir: env.dataDir, report: (line) => log.info(line) })
  return { url: server.url, lost: server.lost, close: () => server.close() }
}

const customersOwn = (url: string): Database => ({ url, lost: new Promise(() => undefined), close: async () => undefined })
