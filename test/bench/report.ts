import { cpus, loadavg } from 'node:os'
import type { BenchOptions } from './options.ts'
import type { ProcessUsage } from './process-usage.ts'
import { percentile, type Samples } from './samples.ts'

/** One side at one level, over all rounds. */
export type Measured = { samples: Samples; cpuSeconds: number; usage: ProcessUsage }
export type Level = { streams: number; direct: Measured; gateway: Measured }

type Figures = Record<(typeof ROWS)[number]['name'], number>

const PER_THOUSAND = 1000

/** What is shown of each side, in this order; `added` rows show the difference too. */
const ROWS = [
  { name: 'first text p50 ms', of: ({ samples }: Measured) => percentile(samples.firstTextMs, 0.5), added: true },
  { name: 'first text p99 ms', of: ({ samples }: Measured) => percentile(samples.firstTextMs, 0.99), added: true },
  { name: 'between texts p50 ms', of: ({ samples }: Measured) => percentile(samples.betweenMs, 0.5), added: true },
  { name: 'between texts p99 ms', of: ({ samples }: Measured) => percentile(samples.betweenMs, 0.99), added: true },
  { name: 'requests per s', of: ({ samples }: Measured) => samples.completed / (samples.elapsedMs / 1000), added: false },
  {
    name: 'CPU s per 1000 requests',
    of: ({ samples, cpuSeconds }: Measured) => (cpuSeconds / samples.completed) * PER_THOUSAND,
    added: true,
  },
  { name: 'RSS MB', of: ({ usage }: Measured) => usage.rssMb, added: true },
] as const

const figuresOf = (measured: Measured): Figures => Object.fromEntries(ROWS.map(({ name, of }) => [name, of(measured)])) as Figures

export function asJson(options: BenchOptions, levels: readonly Level[]): string {
  const rows = levels.map(({ streams, direct, gateway }) => {
    const [engine, appliance] = [figuresOf(direct), figuresOf(gateway)]
    const pair = (combine: (a: number, b: number) => number) =>
      Object.fromEntries(ROWS.map(({ name }) => [name, combine(appliance[name], engine[name])]))
    const requests = { direct: direct.samples.completed, gateway: gateway.samples.completed }
    const failures = { direct: direct.samples.failures, gateway: gateway.samples.failures }
    return { streams, requests, failures, direct: engine, gateway: appliance, added: pair((a, b) => a - b), ratio: pair((a, b) => a / b) }
  })
  return JSON.stringify({ options, machine: machine(), levels: rows }, null, 2)
}

export function asTable(options: BenchOptions, levels: readonly Level[]): string {
  const { ttftMs, itlMs, tokens, rounds, macs, arrivals } = options
  const lines = [
    `sim engine: first token ${ttftMs} ms, then every ${itlMs} ms, ${tokens} tokens · ${macs} Macs · ${rounds} rounds, ${arrivals} arrivals`,
    `${machine().cores} cores (${machine().cpu}), load average ${machine().load.toFixed(1)}; CPU and RSS: the coordinator, and the engine's server`,
  ]
  for (const { streams, direct, gateway } of levels) {
    const counts = `${gateway.samples.completed} requests through the gateway, ${direct.samples.completed} direct`
    lines.push('', `${line([`${streams} stream${streams === 1 ? '' : 's'}`, 'direct', 'gateway', 'added', 'ratio'])}   ${counts}`)
    for (const { name, of, added } of ROWS) {
      const [engine, appliance] = [of(direct), of(gateway)]
      lines.push(line([name, short(engine), short(appliance), added ? short(appliance - engine) : '', (appliance / engine).toFixed(2)]))
    }
    for (const [side, { samples }] of Object.entries({ direct, gateway })) {
      if (samples.failures.length > 0) lines.push(`  ${samples.failures.length} failed (${side}), the first: ${samples.failures[0]}`)
    }
  }
  return lines.join('\n')
}

const line = ([name = '', ...cells]: string[]): string => name.padEnd(26) + cells.map((cell) => cell.padStart(10)).join('')
const short = (value: number): string => value.toFixed(Math.abs(value) < 10 ? 2 : 1)
const machine = () => ({ cores: cpus().length, cpu: cpus()[0]?.model.trim() ?? 'unknown', load: loadavg()[0] ?? 0 })
