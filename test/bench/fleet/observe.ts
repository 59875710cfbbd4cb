import { readdirSync, readFileSync } from 'node:fs'
import type { Appliance } from '../../journeys/support/appliance.ts'
import { embeddedServer, query } from '../../journeys/support/database.ts'
import { readProcessUsage } from '../process-usage.ts'
import { readMetrics } from './fleet.ts'

/** What each side has used up to a moment. Coordinator, database and driver share the machine's cores. */
export type Usage = {
  atMs: number
  cpu: { coordinator: number; database: number; driver: number }
  rssMb: { coordinator: number; driver: number }
  heapMb: number
  /** Transactions; a statement outside of one counts as one. */
  transactions: number
}

export async function readUsage(appliance: Appliance): Promise<Usage> {
  const coordinator = readProcessUsage(appliance.pid())
  const metrics = await readMetrics(appliance)
  const { user, system } = process.cpuUsage()
  const [row] = await query<{ sum: string }>(
    appliance,
    'SELECT sum(xact_commit + xact_rollback) FROM pg_stat_database WHERE datname = current_database()',
  )
  return {
    atMs: performance.now(),
    cpu: {
      coordinator: coordinator.cpuSeconds,
      database: readDatabaseCpu((await embeddedServer(appliance)).pid),
      driver: (user + system) / 1e6,
    },
    rssMb: { coordinator: coordinator.rssMb, driver: process.memoryUsage().rss / MB },
    heapMb: (metrics.get('espalier_memory_bytes{kind="heap"}') ?? 0) / MB,
    transactions: Number(row?.sum ?? 0),
  }
}

const MB = 1024 * 1024
const TICKS_PER_SECOND = 100

/** The postmaster with the children that it has seen end, and those that run. Linux alone tells; elsewhere 0. */
function readDatabaseCpu(postmaster: number): number {
  if (process.platform !== 'linux') return 0
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const ticks = pids.map((pid) => {
    const fields = statOf(pid)
    // proc(5), counted from behind the name: 1 is the parent, 11 to 14 are utime, stime, cutime, cstime.
    const [own, ended] = [Number(fields[11]) + Number(fields[12]), Number(fields[13]) + Number(fields[14])]
    if (Number(pid) === postmaster) return own + ended
    return Number(fields[1]) === postmaster ? own : 0
  })
  return ticks.reduce((sum, one) => sum + one, 0) / TICKS_PER_SECOND
}

function statOf(pid: string): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return [] // it has ended meanwhile
  }
}

/** The latest that the coordinator's event loop was, and most agents live and routable, watched while something happens. */
export function watch(appliance: Appliance): { stop(): Promise<{ loopP99Ms: number; loopMaxMs: number }> } {
  let [loopMaxMs, loopP99Ms] = [0, 0]
  let isOver = false
  const look = async () => {
    while (!isOver) {
      const metrics = await readMetrics(appliance)
      loopMaxMs = Math.max(loopMaxMs, (metrics.get('espalier_event_loop_delay_seconds{quantile="1"}') ?? 0) * 1000)
      loopP99Ms = Math.max(loopP99Ms, (metrics.get('espalier_event_loop_delay_seconds{quantile="0.99"}') ?? 0) * 1000)
      await new Promise((resolve) => setTimeout(resolve, 1000))
    }
  }
  const looking = look()
  return {
    async stop() {
      isOver = true
      await looking
      return { loopMaxMs, loopP99Ms }
    },
  }
}
