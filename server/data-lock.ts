import { spawnSync } from 'node:child_process'
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export class DataDirectoryLocked extends Error {
  override readonly name = 'DataDirectoryLocked'
}

export type DataLock = { release(): void }

type Owner = { pid: number; startedAt: string }

/** A take-over is a handful of system calls; one that stands for longer was killed in the middle. */
const TAKE_OVER_MS = 10_000

/**
 * One appliance per data directory: `lock` names the process that holds it. A lock whose process has died (`kill -9`, power
 * cut) is taken over. The pid alone does not identify a process, because the system uses it again: its start time does.
 */
export function lockDataDirectory(dataDir: string): DataLock {
  mkdirSync(dataDir, { recursive: true, mode: 0o711 })
  const file = join(dataDir, 'lock')
  const mine = JSON.stringify({ pid: process.pid, startedAt: processStart(process.pid) ?? '' } satisfies Owner)
  const candidate = `${file}.${process.pid}`
  writeFileSync(candidate, mine, { mode: 0o644 })
  try {
    if (!tryLink(candidate, file)) takeOver(file, candidate)
  } finally {
    rmSync(candidate, { force: true })
  }
  return { release: () => releaseIfMine(file, mine) }
}

/** Only one process may replace one dead lock: whoever holds the guard looks again, and finds either the dead one or a new owner. */
function takeOver(file: string, candidate: string): void {
  refuseIfHeld(file)
  const guard = `${file}.takeover`
  if (!tryLink(candidate, guard)) {
    if (ageMs(guard) < TAKE_OVER_MS)
      throw new DataDirectoryLocked('Another start of Espalier is under way on this data directory. Try again in a moment.')
    rmSync(guard, { force: true })
    if (!tryLink(candidate, guard))
      throw new DataDirectoryLocked('Another start of Espalier is under way on this data directory. Try again in a moment.')
  }
  try {
    refuseIfHeld(file)
    renameSync(candidate, file)
  } finally {
    rmSync(guard, { force: true })
  }
}

function refuseIfHeld(file: string): void {
  const owner = readOwner(file)
  if (!owner || processStart(owner.pid) !== owner.startedAt) return
  throw new DataDirectoryLocked(
    `Espalier already runs on this data directory, as process ${owner.pid}. Stop it (kill ${owner.pid}), or set ESPALIER_DATA to another folder and PORT to another port.`,
  )
}

function readOwner(file: string): Owner | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'))
    const { pid, startedAt } = value as Partial<Owner>
    return Number.isSafeInteger(pid) && typeof startedAt === 'string' ? { pid: Number(pid), startedAt } : undefined
  } catch {
    return undefined
  }
}

/** When a process began, in the system's own words. Undefined for one that does not exist. */
function processStart(pid: number): string | undefined {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return undefined
  }
  if (process.platform !== 'linux')
    return spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim() || undefined
  try {
    // proc(5): field 22, counted after the command's name, which may itself hold spaces and brackets.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : `${bootId()}/${fields[19]}`
  } catch {
    return undefined
  }
}

const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function ageMs(file: string): number {
  try {
    return Date.now() - statSync(file).mtimeMs
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

function releaseIfMine(file: string, mine: string): void {
  try {
    if (readFileSync(file, 'utf8') === mine) unlinkSync(file)
  } catch {
    // The directory is gone: nothing is left to release.
  }
}
