import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** Files that are either the old or the new content, never half of one, whenever the process is killed. */

const PRIVATE = 0o600
export const PUBLIC = 0o644

export function writeDurably(path: string, content: string | Uint8Array, mode: number = PRIVATE): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    writeFileSync(draft, content, { mode, flush: true })
    renameSync(draft, path)
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  }
}

export const writeJson = (path: string, value: unknown, mode: number = PRIVATE) =>
  writeDurably(path, `${JSON.stringify(value, undefined, 2)}\n`, mode)

export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** The caller wrote the file itself and answers for its shape. */
export function readJson<T>(path: string): T | undefined {
  const text = readIfThere(path)
  return text === undefined ? undefined : (JSON.parse(text) as T)
}
