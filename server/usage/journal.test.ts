import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type MacId, newId, type RequestId } from '#protocol/ids'
import { openJournal } from './journal.ts'
import type { RequestRecord } from './record.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'espalier-journal-'))
  path = join(folder, 'usage.journal')
})
afterEach(() => rmSync(folder, { recursive: true }))

const opened = (): RequestRecord => ({ id: newId<RequestId>('req'), apiKeyId: 'key_1', model: 'm', stream: true, openedAt: new Date() })
const settled = (record: RequestRecord): RequestRecord => ({
  ...record,
  mac: newId<MacId>('mac'),
  firstContentAt: new Date(),
  settled: { at: new Date(), outcome: 'completed', promptTokens: 3, completionTokens: 5 },
})

async function readAll(): Promise<RequestRecord[]> {
  const journal = await openJournal(path)
  const records: RequestRecord[] = []
  await journal.replay(async (batch) => void records.push(...batch))
  await journal.close()
  return records
}

test('what was appended is read again, the settlement as the last word on its request', async () => {
  const [one, two] = [opened(), opened()]
  const [oneSettled, twoSettled] = [settled(one), settled(two)]
  const journal = await openJournal(path)
  for (const record of [one, oneSettled, { ...one, settled: { at: new Date(), outcome: 'failed' as const } }, two]) journal.append(record)
  await journal.sync()
  journal.append(twoSettled)
  await journal.close()
  expect(await readAll()).toEqual([oneSettled, twoSettled])
})

test('a synced record is in the file before the journal is closed', async () => {
  const journal = await openJournal(path)
  const record = settled(opened())
  journal.append(record)
  await journal.sync()
  expect(readFileSync(path, 'utf8')).toContain(record.id)
  await journal.close()
})

test('a line torn by a crash is skipped, and spoils neither the lines before nor those after', async () => {
  const [before, after] = [settled(opened()), settled(opened())]
  const journal = await openJournal(path)
  journal.append(before)
  await journal.close()
  appendFileSync(path, '{"id":"req_torn')
  const later = await openJournal(path)
  later.append(after)
  await later.close()
  expect(await readAll()).toEqual([before, after])
})

test('many more records than one read holds come back whole and in order', async () => {
  const records = Array.from({ length: 3000 }, () => ({ ...settled(opened()), model: 'größer' }))
  const journal = await openJournal(path)
  for (const record of records) journal.append(record)
  await journal.close()
  expect(await readAll()).toEqual(records)
})

test('clearing spares what its condition says is still needed', async () => {
  const journal = await openJournal(path)
  journal.append(opened())
  await journal.clear(() => false)
  expect(readFileSync(path, 'utf8')).not.toBe('')
  await journal.clear(() => true)
  expect(readFileSync(path, 'utf8')).toBe('')
  journal.append(opened())
  await journal.close()
  expect(await readAll()).toHaveLength(1)
})

test('syncs asked for together are one, and each covers what was appended before it', async () => {
  const journal = await openJournal(path)
  const syncs = Array.from({ length: 50 }, () => {
    journal.append(opened())
    return journal.sync()
  })
  expect(new Set(syncs).size).toBe(1)
  await Promise.all(syncs)
  expect(readFileSync(path, 'utf8').trim().split(/\n+/)).toHaveLength(50)
  await journal.close()
})
