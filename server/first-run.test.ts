import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { scratchFolder } from '../test/support/scratch-folder.ts'
import { makePassword, readFirstRun, writeFirstRun } from './first-run.ts'

const firstRun = { url: 'http://localhost:3200', adminEmail: 'admin@espalier.local', adminPassword: makePassword(), apiKey: 'esp_abc' }

test('is read as it was written, by its owner only, with nothing left beside it', () => {
  const dir = scratchFolder()
  expect(readFirstRun(dir)).toBeUndefined()
  writeFirstRun(dir, firstRun)
  expect(readFirstRun(dir)).toEqual(firstRun)
  expect(statSync(join(dir, 'first-run.json')).mode & 0o777).toBe(0o600)
  expect(readdirSync(dir)).toEqual(['first-run.json'])
})

test('refuses a value that would need quoting in a shell', () => {
  expect(() => writeFirstRun(scratchFolder(), { ...firstRun, adminPassword: 'a$(b)' })).toThrow()
  expect(() => writeFirstRun(scratchFolder(), { ...firstRun, apiKey: '' })).toThrow()
})

test('a file that was changed is named', () => {
  const dir = scratchFolder()
  writeFileSync(join(dir, 'first-run.json'), '{"url":1}')
  expect(() => readFirstRun(dir)).toThrow(/first-run.json was changed/)
})

test('passwords are 20 plain characters, never twice the same', () => {
  const made = new Set(Array.from({ length: 100 }, makePassword))
  expect(made.size).toBe(100)
  for (const password of made) expect(password).toMatch(/^[A-Za-z2-9]{20}$/)
})
