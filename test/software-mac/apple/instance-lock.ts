import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readIfThere } from '../durable-file.ts'
import { readAddress } from './directory.ts'

export type Lock = { release(): void }

/** Time since the lock was taken that its holder gets to answer; after it, it counts as another program with a recycled pid. */
const STARTING_MS = 5_000

/** One software Apple a directory. `taken`: another one is alive and answers. A lock left behind by a kill is taken over. */
export async function takeLock(directory: string): Promise<Lock | 'taken'> {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const path = join(directory, 'lock')
  for (let attempt = 0; attempt < 10; attempt++) {
    if (tryCreate(path)) return { release: () => release(path) }
    const holder = Number(readIfThere(path))
    if (await isServing(directory, holder)) return 'taken'
    if (Number(readIfThere(path)) === holder) rmSync(path, { force: true })
  }
  throw new Error(`${path} changes hands too often`)
}

function tryCreate(path: string): boolean {
  try {
    const file = openSync(path, 'wx', 0o600)
    writeSync(file, String(process.pid))
    closeSync(file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function release(path: string): void {
  try {
    if (Number(readFileSync(path, 'utf8')) === process.pid) rmSync(path, { force: true })
  } catch {
    // Already gone with its directory: nothing is left to release.
  }
}

async function isServing(directory: string, pid: number): Promise<boolean> {
  const takenAt = statSync(join(directory, 'lock'), { throwIfNoEntry: false })?.mtimeMs ?? 0
  for (;;) {
    if (!isAlive(pid)) return false
    const address = readAddress(directory)
    if (address?.pid === pid && (await answers(address.attestUrl, pid))) return true
    if (Date.now() > takenAt + STARTING_MS) return false
    await sleep(100)
  }
}

export function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function answers(attestUrl: string, pid: number): Promise<boolean> {
  try {
    const reply = await fetch(new URL('/health', attestUrl), { signal: AbortSignal.timeout(1_000) })
    return ((await reply.json()) as { pid?: number }).pid === pid
  } catch {
    return false
  }
}
