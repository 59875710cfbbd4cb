import { mkdirSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { resolve } from 'node:path'
import { startAppliance } from '../../journeys/support/appliance.ts'
import { startSimulatedFleet } from './fleet.ts'
import { FLEET_USAGE, type FleetBenchOptions, parseFleetOptions } from './options.ts'
import { type Bench, enrollPhase, invitePhase, outagePhase, refreshPhase, type Section, steadyPhase } from './phases.ts'

/**
 * A whole fleet around one appliance: `node test/bench/main.ts fleet --macs 5000`. The appliance is a process with its database; Macs
 * and Apple share this one and its cores. Measures, judges nothing; exits with 1 where a phase does not come to its end.
 */
export async function benchFleet(argv: string[]): Promise<number> {
  let options: FleetBenchOptions
  try {
    options = parseFleetOptions(argv)
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${FLEET_USAGE}`)
    return 30
  }
  const cleanup: (() => Promise<void>)[] = []
  const stop = async () => {
    for (const step of cleanup.splice(0).reverse()) await step()
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop().finally(() => process.exit(130)))
  try {
    const sections = await measure(options, cleanup)
    if (options.json) console.log(JSON.stringify({ options, machine: machine(), sections }, null, 2))
    return 0
  } finally {
    await stop()
  }
}

async function measure(options: FleetBenchOptions, cleanup: (() => Promise<void>)[]): Promise<Section[]> {
  const appliance = await startAppliance({ env: environment(options) })
  cleanup.push(appliance.close)
  const fleet = await startSimulatedFleet(appliance, options.macs)
  cleanup.push(fleet.stop)
  const bench: Bench = { appliance, fleet, macs: options.macs, atOnce: options.atOnce, timeoutMs: PATIENCE_MS }
  const sections: Section[] = []
  const add = async (phase: Promise<Section>) => {
    const section = await phase
    sections.push(section)
    if (!options.json) console.log(`\n${asTable(section)}`)
  }
  const { cores, cpu, load } = machine()
  if (!options.json) console.log(`${options.macs} Macs · ${cores} cores (${cpu}), load average ${load.toFixed(1)}, shared by all sides`)
  await add(invitePhase(bench))
  await add(enrollPhase(bench))
  if (options.steadySeconds > 0) await add(steadyPhase(bench, options.steadySeconds))
  if (options.refresh) await add(refreshPhase(bench))
  for (const seconds of options.outages) await add(outagePhase(bench, seconds * 1000))
  for (const trouble of fleet.troubles()) console.error(`… ${trouble}`)
  return sections
}

const PATIENCE_MS = 30 * 60_000

function environment(options: FleetBenchOptions): Record<string, string> {
  if (options.profileDir !== undefined) mkdirSync(options.profileDir, { recursive: true })
  return {
    ESPALIER_SOFTWARE_MACS: '0',
    ESPALIER_LOG_LEVEL: 'warn',
    ESPALIER_REATTEST_CONCURRENCY: String(options.reattestConcurrency),
    ESPALIER_REATTEST_JITTER_SECONDS: String(options.reattestJitterSeconds),
    ESPALIER_PUSHES_PER_SECOND: String(options.pushesPerSecond),
    ...(options.profileDir === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${resolve(options.profileDir)}` }),
  }
}

const machine = () => ({ cores: cpus().length, cpu: cpus()[0]?.model.trim() ?? 'unknown', load: loadavg()[0] ?? 0 })

function asTable({ title, figures }: Section): string {
  const rows = figures.map(([name, value, unit]) => `  ${name.padEnd(52)}${short(value).padStart(10)} ${unit}`)
  return [title, ...rows].join('\n')
}

const short = (value: number): string => (Number.isInteger(value) ? String(value) : value.toFixed(Math.abs(value) < 10 ? 2 : 1))
