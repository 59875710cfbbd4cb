import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readIfThere } from './durable-file.ts'

/**
 * A lock that names the living process that holds it. A holder that was killed, or whose process id is another program's by now,
 * holds nothing: the id counts only together with the moment that its process began.
 */
export type Lock = { release(): void }

export function tryLock(path: string): Lock | 'held' {
  const mine = `${process.pid} ${beginning(process.pid)}`
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  for (let attempt = 0; attempt < 5; attempt++) {
    if (create(path, mine)) return { release: () => release(path, mine) }
    if (isHeld(path)) return 'held'
    rmSync(path, { force: true })
  }
  return 'held' // others are quicker
}

/** For a holder that is on its way out. */
export async function lockWithin(path: string, ms: number): Promise<Lock | 'held'> {
  for (const end = performance.now() + ms; ; await sleep(100)) {
    const lock = tryLock(path)
    if (lock !== 'held' || performance.now() > end) return lock
  }
}

export function isHeld(path: string): boolean {
  const [pid = '', ...rest] = (readIfThere(path) ?? '').split(' ')
  return isAlive(Number(pid)) && beginning(Number(pid)) === rest.join(' ')
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

function create(path: string, content: string): boolean {
  try {
    writeFileSync(path, content, { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function release(path: string, mine: string): void {
  if (readIfThere(path) === mine) rmSync(path, { force: true })
}

/** When this process began, in the system's own words; empty when it cannot be told, so that the process id alone counts. */
function beginning(pid: number): string {
  try {
    if (process.platform !== 'linux') return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim()
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    // proc(5): the second field may hold spaces and ends with the last parenthesis; starttime is the 22nd.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
    return `${boot} ${fields[19]}`
  } catch {
    return ''
  }
}
