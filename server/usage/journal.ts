import { type FileHandle, open } from 'node:fs/promises'
import { z } from 'zod'
import { MacId, RequestId } from '#protocol/ids'
import type { RequestRecord } from './record.ts'

/** A line of the journal: one record as JSON. */
const Line = z.strictObject({
  id: RequestId,
  apiKeyId: z.string(),
  model: z.string(),
  stream: z.boolean(),
  openedAt: z.iso.datetime().transform((at) => new Date(at)),
  mac: MacId.exactOptional(),
  firstContentAt: z.iso
    .datetime()
    .transform((at) => new Date(at))
    .exactOptional(),
  settled: z
    .strictObject({
      at: z.iso.datetime().transform((at) => new Date(at)),
      outcome: z.enum(['completed', 'cancelled', 'failed', 'interrupted']),
      errorCode: z.string().exactOptional(),
      promptTokens: z.number().int().exactOptional(),
      completionTokens: z.number().int().exactOptional(),
    })
    .exactOptional(),
})

/**
 * An append-only file of the records that the database may not hold yet. What was synced survives a killed process and, on honest
 * disks, a power cut; a line torn by either is skipped when the file is read again.
 */
export type Journal = {
  /** Hands the line to the operating system soon; a request never waits for it. */
  append(record: RequestRecord): void
  /** Resolves when everything appended so far is on the disk. Syncs asked for together are one. */
  sync(): Promise<void>
  /** Hands over all that the file holds now, oldest first, in batches with at most one record of each id. */
  replay(take: (records: RequestRecord[]) => Promise<void>): Promise<void>
  /** Empties the file if `mayClear` still holds when its turn among the writes has come. */
  clear(mayClear: () => boolean): Promise<void>
  close(): Promise<void>
}

/** Lines kept for the next try while the disk refuses them. */
const MAX_UNWRITTEN_LINES = 50_000
const READ_BYTES = 256 * 1024

export async function openJournal(path: string): Promise<Journal> {
  const file = await open(path, 'a+', 0o600)
  let lines: string[] = []
  let tail: Promise<unknown> = Promise.resolve()
  let syncing: Promise<void> | undefined

  /** One writer: every step waits for the one before, whether that failed or not. */
  function inTurn<T>(step: () => Promise<T>): Promise<T> {
    const result = tail.then(step, step)
    tail = result.catch(() => undefined)
    return result
  }

  async function write(): Promise<void> {
    if (lines.length === 0) return
    const batch = lines
    lines = []
    try {
      await file.appendFile(`\n${batch.join('')}`) // its own line, even after one that was torn
    } catch (error) {
      lines = [...batch, ...lines].slice(-MAX_UNWRITTEN_LINES)
      throw error
    }
  }

  return {
    append(record) {
      lines.push(`${JSON.stringify(record)}\n`)
      if (lines.length === 1) void inTurn(write).catch(() => undefined) // whoever needs the line on disk hears of it from sync
    },
    sync() {
      syncing ??= inTurn(async () => {
        syncing = undefined // whoever asks from here on may have appended after this sync began
        await write()
        await file.datasync()
      })
      return syncing
    },
    async replay(take) {
      await inTurn(write)
      await replayFile(file, take)
    },
    clear: (mayClear) =>
      inTurn(async () => {
        if (mayClear()) await file.truncate(0)
      }),
    close: () => inTurn(() => write().finally(() => file.close())),
  }
}

async function replayFile(file: FileHandle, take: (records: RequestRecord[]) => Promise<void>): Promise<void> {
  const { size } = await file.stat()
  const block = Buffer.alloc(READ_BYTES)
  const decoder = new TextDecoder()
  let rest = ''
  for (let position = 0; position < size; ) {
    const { bytesRead } = await file.read(block, 0, Math.min(READ_BYTES, size - position), position)
    if (bytesRead === 0) break
    position += bytesRead
    const texts = (rest + decoder.decode(block.subarray(0, bytesRead), { stream: true })).split('\n')
    rest = texts.pop() ?? ''
    const records = newestOfEach(texts)
    if (records.length > 0) await take(records)
  }
}

/** An id's settlement is the last word on it. */
function newestOfEach(texts: readonly string[]): RequestRecord[] {
  const records = new Map<RequestId, RequestRecord>()
  for (const text of texts) {
    const record = parseLine(text)
    if (record !== undefined && records.get(record.id)?.settled === undefined) records.set(record.id, record)
  }
  return [...records.values()]
}

function parseLine(text: string): RequestRecord | undefined {
  try {
    return Line.safeParse(JSON.parse(text)).data
  } catch {
    return undefined // torn by a crash in the middle of a write
  }
}
