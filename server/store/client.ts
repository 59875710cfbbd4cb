import { PrismaPg } from '@prisma/adapter-pg'
import { type Prisma, PrismaClient } from './generated/client.ts'

/** The database, as every file of this folder takes it: first argument, named `store`. */
export type Store = PrismaClient

/** A Store or a transaction (`store.$transaction(async (tx) => …)`): what functions take that only read and write rows. */
export type Db = Prisma.TransactionClient

export type OpenStore = {
  store: Store
  close(): Promise<void>
}

export type StoreOptions = {
  /** Connections held at most; PostgreSQL's own default allows 100 for everybody. */
  maxConnections?: number
  /** How long a statement may go without any answer. */
  answerTimeoutMs?: number
  /** Told when an idle connection breaks, as when the database restarts; the pool opens a new one by itself. */
  onConnectionLost?: (error: Error) => void
}

/** Thrown inside `undoable`: whatever was written so far is taken back. */
export class Undo extends Error {}

/** Runs a transaction that may change its mind. False: it did, and nothing was changed. */
export async function undoable(store: Store, work: (tx: Db) => Promise<void>): Promise<boolean> {
  try {
    await store.$transaction(work)
    return true
  } catch (error) {
    if (error instanceof Undo) return false
    throw error
  }
}

const STATEMENT_TIMEOUT_MS = 30_000
/** Above PostgreSQL's own limit, whose error says more: this one ends the wait for a database that no longer answers at all. */
const ANSWER_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 5_000
const CONNECT_TIMEOUT_MS = 10_000

/** A bounded pool of connections. No statement, no forgotten transaction and no frozen database holds one for longer than 35 s. */
export function createStore(databaseUrl: string, options: StoreOptions = {}): OpenStore {
  let isClosing = false
  const adapter = new PrismaPg(
    {
      connectionString: databaseUrl,
      application_name: 'espalier',
      max: options.maxConnections ?? 20,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      idleTimeoutMillis: 60_000,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      query_timeout: options.answerTimeoutMs ?? ANSWER_TIMEOUT_MS,
      idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
    },
    // The pool says it has ended before its sockets have; a database that stops right then breaks them, which is no news.
    { onPoolError: (error) => (isClosing ? undefined : options.onConnectionLost?.(error)) },
  )
  const store = new PrismaClient({ adapter, errorFormat: 'minimal' })
  const close = async (): Promise<void> => {
    isClosing = true
    await store.$disconnect()
  }
  return { store, close }
}
