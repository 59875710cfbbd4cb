import type { Env } from './env.ts'
import type { Log } from './log.ts'
import { startEmbeddedPostgres } from './store/embedded-postgres.ts'
import { applyMigrations, DatabaseUnreachable } from './store/migrate.ts'

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
    for (const migration of await applyMigrations(database.url, MIGRATIONS)) log.info({ migration }, 'migrated the database')
    return database
  } catch (error) {
    await database.close()
    if (error instanceof DatabaseUnreachable && env.databaseUrl !== undefined) {
      throw new Error(`DATABASE_URL: ${error.message}`, { cause: error })
    }
    throw error
  }
}

async function startEmbedded(env: Env, log: Log): Promise<Database> {
  const server = await startEmbeddedPostgres({ dataDir: env.dataDir, report: (line) => log.info(line) })
  return { url: server.url, lost: server.lost, close: () => server.close() }
}

const customersOwn = (url: string): Database => ({ url, lost: new Promise(() => undefined), close: async () => undefined })
