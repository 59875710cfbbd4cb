import { randomInt } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

/** Safe in a shell, a URL and a form without any quoting. */
const plain = z.string().regex(/^[A-Za-z0-9@._:/-]+$/)

const firstRunSchema = z.strictObject({ url: plain, adminEmail: plain, adminPassword: plain, apiKey: plain })

/** What the evaluation prints at its first start, kept for whoever comes back: first-run.json in the data directory. */
export type FirstRun = z.infer<typeof firstRunSchema>

const fileIn = (dataDir: string): string => join(dataDir, 'first-run.json')

export function readFirstRun(dataDir: string): FirstRun | undefined {
  const file = fileIn(dataDir)
  if (!existsSync(file)) return undefined
  const parsed = firstRunSchema.safeParse(JSON.parse(readFileSync(file, 'utf8')))
  if (!parsed.success) throw new Error(`${file} was changed and cannot be used. Bring it back, or start with a new ESPALIER_DATA.`)
  return parsed.data
}

/** Readable by its owner only, and whole or absent at any moment. */
export function writeFirstRun(dataDir: string, firstRun: FirstRun): void {
  const unfinished = `${fileIn(dataDir)}.${process.pid}`
  writeFileSync(unfinished, `${JSON.stringify(firstRunSchema.parse(firstRun), null, 2)}\n`, { mode: 0o600 })
  renameSync(unfinished, fileIn(dataDir))
}

const ALPHABET = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789'

/** 20 characters without look-alikes: 116 bits. */
export function makePassword(): string {
  return Array.from({ length: 20 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')
}
