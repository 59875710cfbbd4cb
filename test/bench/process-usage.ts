import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

export type ProcessUsage = { cpuSeconds: number; rssMb: number }

const MB = 1024 * 1024
/** USER_HZ, which Linux fixes at 100 for everything it tells of processes. */
const TICKS_PER_SECOND = 100

/** CPU used so far and memory held now by a process that is not ours to ask. */
export function readProcessUsage(pid: number): ProcessUsage {
  return process.platform === 'linux' ? fromProc(pid) : fromPs(pid)
}

function fromProc(pid: number): ProcessUsage {
  // The name, in parentheses, may hold anything: fields are counted from behind it. proc(5): utime is field 14, stime 15.
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = Number(fields[11]) + Number(fields[12])
  const rssKb = Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  return { cpuSeconds: ticks / TICKS_PER_SECOND, rssMb: (rssKb * 1024) / MB }
}

/** macOS: `cputime` is [[hours:]minutes:]seconds with hundredths. */
function fromPs(pid: number): ProcessUsage {
  const [rssKb, time = ''] = execFileSync('ps', ['-o', 'rss=,cputime=', '-p', String(pid)], { encoding: 'utf8' })
    .trim()
    .split(/\s+/)
  const cpuSeconds = time.split(':').reduce((seconds, part) => seconds * 60 + Number(part), 0)
  return { cpuSeconds, rssMb: (Number(rssKb) * 1024) / MB }
}
