import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Gauge, type Registry } from 'prom-client'

const RESOLUTION_MS = 10
const NANOSECONDS = 1e9

/**
 * What this process is doing to itself: memory, CPU, and by how much its event loop was late since the last scrape. Whatever holds the
 * loop holds every agent's heartbeat and every employee's token with it.
 */
export function measureProcess(metrics: Registry): { close(): void } {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delay.enable()
  const registers = [metrics]
  const late = new Gauge({
    name: 'espalier_event_loop_delay_seconds',
    help: 'How late the event loop was since the last scrape',
    labelNames: ['quantile'],
    registers,
  })
  const memory = new Gauge({ name: 'espalier_memory_bytes', help: 'Memory of this process', labelNames: ['kind'], registers })
  new Gauge({
    name: 'espalier_cpu_seconds_total',
    help: 'CPU time of this process',
    registers,
    collect() {
      const seconds = (nanoseconds: number) => Math.max(0, nanoseconds / NANOSECONDS - RESOLUTION_MS / 1000)
      for (const percent of [50, 99]) late.set({ quantile: String(percent / 100) }, seconds(delay.percentile(percent)))
      late.set({ quantile: '1' }, seconds(delay.max))
      delay.reset()
      const { rss, heapUsed, external } = process.memoryUsage()
      memory.set({ kind: 'rss' }, rss)
      memory.set({ kind: 'heap' }, heapUsed)
      memory.set({ kind: 'external' }, external)
      const { user, system } = process.cpuUsage()
      this.set((user + system) / 1e6)
    },
  })
  return { close: () => delay.disable() }
}
