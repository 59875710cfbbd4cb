import { readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const FAST_STOP_MS = 20_000
const IMMEDIATE_STOP_MS = 5_000

/**
 * After a `kill -9` of the appliance its PostgreSQL lives on and holds the cluster. It is stopped, so that the next one is our
 * child again and can be watched. Returns the pid of what was stopped.
 */
export async function stopOrphan(clusterDir: string): Promise<number | undefined> {
  const pid = postmasterPid(clusterDir)
  if (pid === undefined || !isAlive(pid) || !servesCluster(pid, clusterDir)) return undefined
  await stopPostgres(pid)
  return pid
}

/** PostgreSQL's own words: SIGINT is a fast shutdown, SIGQUIT an immediate one (recovery at the next start). */
export async function stopPostgres(pid: number): Promise<void> {
  for (const [signal, patienceMs] of [
    ['SIGINT', FAST_STOP_MS],
    ['SIGQUIT', IMMEDIATE_STOP_MS],
    ['SIGKILL', IMMEDIATE_STOP_MS],
  ] as const) {
    if (!trySignal(pid, signal) || (await hasEnded(pid, patienceMs))) return
  }
  throw new Error(`PostgreSQL (pid ${pid}) does not stop, not even when killed.`)
}

async function hasEnded(pid: number, patienceMs: number): Promise<boolean> {
  const stepMs = 20
  for (let waited = 0; waited < patienceMs; waited += stepMs) {
    if (!isAlive(pid)) return true
    await sleep(stepMs)
  }
  return !isAlive(pid)
}

/** The first line of postmaster.pid, which PostgreSQL writes at its start and removes at its orderly end. */
export function postmasterPid(clusterDir: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(clusterDir, 'postmaster.pid'), 'utf8').split('\n')[0])
    return Number.isSafeInteger(pid) && pid > 1 ? pid : undefined
  } catch {
    return undefined
  }
}

/** A pid is reused by the system; PostgreSQL stands in its cluster's folder, which a stranger does not. */
function servesCluster(pid: number, clusterDir: string): boolean {
  if (process.platform !== 'linux') return true
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(clusterDir)
  } catch {
    return false
  }
}

function isAlive(pid: number): boolean {
  return trySignal(pid, 0) && !isZombie(pid)
}

/** Killed, but not yet collected by its parent: it holds nothing any more. */
function isZombie(pid: number): boolean {
  if (process.platform !== 'linux') return false
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z')
  } catch {
    return true
  }
}

function trySignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
