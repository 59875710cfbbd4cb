import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

const made: string[] = []
afterAll(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** A new folder for this test file, gone when the file has run. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-test-'))
  made.push(folder)
  return folder
}
