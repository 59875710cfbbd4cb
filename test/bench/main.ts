import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Appliance, startAppliance, untilTrusted } from '../journeys/support/appliance.ts'
import { startFleet } from '../journeys/support/fleet.ts'
import { type Child, startChild } from './child.ts'
import { benchFleet } from './fleet/main.ts'
import type { EngineReady, LoadAnswer, LoadOrder, Target } from './messages.ts'
import { type BenchOptions, parseBenchOptions, USAGE } from './options.ts'
import { readProcessUsage } from './process-usage.ts'
import { asJson, asTable, type Level, type Measured } from './report.ts'
import { addSamples, emptySamples } from './samples.ts'

/**
 * What the appliance adds to an engine: the same load on the whole appliance (coordinator, PostgreSQL, software Macs with real
 * agents, real sealing) and on the same simulated engine behind a bare server, in turns. Measures, judges nothing: exits with 1
 * only when requests failed.
 */
type Side = { target: Target; pid: number }
type Load = Child<LoadOrder, LoadAnswer>
type Cleanup = (() => Promise<void>)[]

async function bench(options: BenchOptions, cleanup: Cleanup): Promise<Level[]> {
  say('starting the appliance and its software Macs')
  const gateway = await startGateway(options, cleanup)
  const direct = await startDirect(options, gateway.target, cleanup)
  const load: Load = startChild('./load.ts')
  cleanup.push(load.stop)

  say('warming up')
  const warmUp = { ...options, requests: 2 }
  for (const side of [direct, gateway]) await measure(load, side, warmUp, 32)
  const levels: Level[] = []
  for (const streams of options.levels) {
    say(`measuring ${streams} at once`)
    levels.push(await measureLevel(load, { direct, gateway }, options, streams))
  }
  return levels
}

async function startGateway(options: BenchOptions, cleanup: Cleanup): Promise<Side> {
  const env = profiled(options)
  const appliance = await startAppliance({ env: { ESPALIER_SOFTWARE_MACS: '0', ESPALIER_LOG_LEVEL: 'warn', ...env } })
  cleanup.push(appliance.close)
  Object.assign(process.env, env) // for the Macs, and through them for their agents
  const { macs, slots, ttftMs, itlMs } = options
  const engine = ['--engine', 'sim', '--slots', slots, '--ttft-ms', ttftMs, '--itl-ms', itlMs]
  const fleet = startFleet(appliance, ['--macs', macs, ...engine].map(String))
  cleanup.push(fleet.stop)
  await untilTrusted(appliance, macs)
  return { target: { url: appliance.url, apiKey: appliance.apiKey, model: await servedModel(appliance) }, pid: appliance.pid() }
}

async function startDirect({ levels, ttftMs, itlMs }: BenchOptions, { model }: Target, cleanup: Cleanup): Promise<Side> {
  const engine = startChild<never, EngineReady>('./direct-engine.ts', [...[Math.max(32, ...levels), ttftMs, itlMs].map(String), model])
  cleanup.push(engine.stop)
  const { url } = await engine.hear()
  return { target: { url, apiKey: 'none', model }, pid: engine.pid }
}

async function servedModel(appliance: Appliance): Promise<string> {
  const { data } = (await (await appliance.get('/v1/models')).json()) as { data: { id: string }[] }
  if (data[0] === undefined) throw new Error('the software Macs serve no model')
  return data[0].id
}

/** In turns, and which side begins changes, so that what drifts meets both alike. */
async function measureLevel(load: Load, sides: { direct: Side; gateway: Side }, options: BenchOptions, streams: number): Promise<Level> {
  const direct: Measured[] = []
  const gateway: Measured[] = []
  // One stream alone gives few samples: it asks more often.
  const round = streams === 1 ? { ...options, requests: options.requests * 2 } : options
  for (let i = 0; i < options.rounds; i++) {
    const steps = [
      async () => void direct.push(await measure(load, sides.direct, round, streams)),
      async () => void gateway.push(await measure(load, sides.gateway, round, streams)),
    ]
    for (const step of i % 2 === 0 ? steps : steps.reverse()) await step()
  }
  return { streams, direct: together(direct), gateway: together(gateway) }
}

async function measure(load: Load, { target, pid }: Side, options: BenchOptions, streams: number): Promise<Measured> {
  const { requests, tokens, ttftMs, itlMs, arrivals } = options
  const before = readProcessUsage(pid)
  const spreadMs = arrivals === 'spread' ? ttftMs + (tokens - 1) * itlMs : 0
  const { samples } = await load.ask({ target, streams, requests, tokens, spreadMs })
  const usage = readProcessUsage(pid)
  return { samples, cpuSeconds: usage.cpuSeconds - before.cpuSeconds, usage }
}

function together(rounds: readonly Measured[]): Measured {
  const samples = emptySamples()
  for (const round of rounds) addSamples(samples, round.samples)
  const cpuSeconds = rounds.reduce((sum, round) => sum + round.cpuSeconds, 0)
  return { samples, cpuSeconds, usage: (rounds.at(-1) as Measured).usage }
}

/** Node writes one profile for each process, when it ends. */
function profiled({ profileDir }: BenchOptions): Record<string, string> {
  if (profileDir === undefined) return {}
  mkdirSync(profileDir, { recursive: true })
  return { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${resolve(profileDir)}` }
}

/** The result alone goes to standard output. */
function say(what: string): void {
  console.error(`… ${what}`)
}

async function main(argv: string[]): Promise<number> {
  let options: BenchOptions
  try {
    options = parseBenchOptions(argv)
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`)
    return 30
  }
  const cleanup: Cleanup = []
  const stop = async () => {
    for (const step of cleanup.splice(0).reverse()) await step()
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop().finally(() => process.exit(130)))
  try {
    const levels = await bench(options, cleanup)
    console.log(options.json ? asJson(options, levels) : asTable(options, levels))
    return levels.some(({ direct, gateway }) => direct.samples.failures.length + gateway.samples.failures.length > 0) ? 1 : 0
  } finally {
    await stop()
  }
}

const [what, ...rest] = process.argv.slice(2)
process.exitCode = what === 'fleet' ? await benchFleet(rest) : await main(process.argv.slice(2))
