import { setTimeout as sleep } from 'node:timers/promises'
import type { MacId, RequestId } from '#protocol/ids'
import type { Usage } from '#protocol/inference'
import type { Clock } from '../clock.ts'
import type { Store } from '../store/client.ts'
import { interruptRequests, isUnstorable, saveRequests } from '../store/requests.ts'
import type { Journal } from './journal.ts'
import type { Outcome, RequestRecord } from './record.ts'

/** Records that wait for the database in memory; beyond, a record waits in the journal alone and is read from there later. */
const MAX_PENDING = 20_000
const BATCH = 500
/** Gathers what happens at the same moment into one statement. */
const GATHER_MS = 20
const RETRY_MS = { first: 250, longest: 10_000 }

export type Ending = { outcome: Exclude<Outcome, 'interrupted'>; errorCode?: string; usage?: Usage | undefined }

/** One request's account. Calls after `settle` change nothing: it is settled once. */
type RequestMeter = {
  servedBy(mac: MacId, firstContentAt: Date): void
  /** Resolves when the settlement would survive this process and the database. */
  settle(ending: Ending): Promise<void>
}

export type Meter = {
  open(request: { id: RequestId; apiKeyId: string; model: string; stream: boolean }): RequestMeter
  /** Waits until the database holds everything, or until `signal` says that it has waited long enough; the journal keeps the rest. */
  close(signal: AbortSignal): Promise<void>
}

export type MeterDeps = {
  store: Store
  journal: Journal
  clock: Clock
  log: { warn(detail: object, message: string): void }
  maxPending?: number
}

/**
 * Counts usage without making any request wait for the database: every change goes to the journal, and from memory to the database
 * in the background. What an earlier process left in the journal is brought in first; what it left open is settled as interrupted.
 */
export function createMeter(deps: MeterDeps): Meter {
  const { journal, clock } = deps
  const pending = new Map<RequestId, RequestRecord>()
  const closing = new AbortController()
  const abandoned = new AbortController()
  const startedAt = clock.now()
  let hasInterrupted = false
  let mustReplay = true
  let hasNews: (() => void) | undefined

  function enter(record: RequestRecord): void {
    journal.append(record)
    if (pending.size >= (deps.maxPending ?? MAX_PENDING) && !pending.has(record.id)) mustReplay = true
    else pending.set(record.id, record)
    hasNews?.()
  }

  /** Brings the database up to date once; throws when it cannot be reached. */
  async function catchUp(): Promise<void> {
    for (const batch = new Map<RequestId, RequestRecord>(); pending.size > 0; batch.clear()) {
      for (const [id, record] of pending) if (batch.size < BATCH) batch.set(id, record)
      await saveAll(deps, [...batch.values()])
      for (const [id, record] of batch) if (pending.get(id) === record) pending.delete(id)
    }
    if (mustReplay) {
      mustReplay = false
      await journal
        .replay((records) => saveAll(deps, records))
        .catch((error) => {
          mustReplay = true
          throw error
        })
    }
    if (!hasInterrupted) {
      await interruptRequests(deps.store, { openedBefore: startedAt, at: clock.now() })
      hasInterrupted = true
    }
    await journal.clear(() => pending.size === 0 && !mustReplay)
  }

  async function run(): Promise<void> {
    let retryMs = RETRY_MS.first
    while (!abandoned.signal.aborted && (!closing.signal.aborted || pending.size > 0 || mustReplay)) {
      try {
        await catchUp()
        retryMs = RETRY_MS.first
        if (pending.size === 0 && !mustReplay && !closing.signal.aborted) await news()
        if (!closing.signal.aborted) await sleep(GATHER_MS)
      } catch (error) {
        deps.log.warn({ err: error, waiting: pending.size }, 'usage waits for the database')
        await sleep(retryMs, undefined, { signal: abandoned.signal }).catch(() => undefined)
        retryMs = Math.min(retryMs * 2, RETRY_MS.longest)
      }
    }
  }

  function news(): Promise<void> {
    return new Promise((resolve) => {
      hasNews = resolve
    })
  }

  const running = run()
  return {
    open: (request) => openRequest({ ...request, openedAt: clock.now() }, { enter, journal, clock, log: deps.log }),
    async close(signal) {
      closing.abort()
      hasNews?.()
      await Promise.race([running, aborted(signal)])
      abandoned.abort()
      await journal.close()
    },
  }
}

type Entry = Pick<MeterDeps, 'journal' | 'clock' | 'log'> & { enter(record: RequestRecord): void }

function openRequest(opened: RequestRecord, { enter, journal, clock, log }: Entry): RequestMeter {
  let record = opened
  let settled: Promise<void> | undefined
  enter(record)

  async function settle({ outcome, errorCode, usage }: Ending): Promise<void> {
    record = { ...record, settled: { at: clock.now(), outcome, ...(errorCode === undefined ? {} : { errorCode }), ...usage } }
    enter(record)
    // A full disk must not fail a served request: the record still waits in memory.
    await journal.sync().catch((error) => log.warn({ err: error }, 'usage journal cannot be written'))
  }

  return {
    servedBy(mac, firstContentAt) {
      if (settled !== undefined) return
      record = { ...record, mac, firstContentAt }
      enter(record)
    },
    settle(ending) {
      settled ??= settle(ending)
      return settled
    },
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

/** One record that can never be stored must not hold up all others: it is found by halves, and left to the log. */
async function saveAll(deps: Pick<MeterDeps, 'store' | 'log'>, records: readonly RequestRecord[]): Promise<void> {
  try {
    await saveRequests(deps.store, records)
  } catch (error) {
    if (!isUnstorable(error)) throw error
    const [only, ...others] = records
    if (only !== undefined && others.length === 0) {
      deps.log.warn({ err: error, record: only }, 'a usage record cannot be stored')
      return
    }
    const middle = Math.ceil(records.length / 2)
    await saveAll(deps, records.slice(0, middle))
    await saveAll(deps, records.slice(middle))
  }
}
