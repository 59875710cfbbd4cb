import { parseArgs } from 'node:util'

export type FleetBenchOptions = {
  macs: number
  /** Macs that enroll at the same time. */
  atOnce: number
  steadySeconds: number
  /** Seconds away of each outage. */
  outages: number[]
  refresh: boolean
  reattestConcurrency: number
  reattestJitterSeconds: number
  pushesPerSecond: number
  profileDir: string | undefined
  json: boolean
}

export const FLEET_USAGE = `usage: npm run bench -- fleet [--macs 200] [--at-once 24] [--steady 60] [--outages 0,75] [--no-refresh]
                              [--reattest-concurrency 32] [--reattest-jitter 20] [--pushes-per-second 50] [--cpu-prof DIR] [--json]`

const FLAGS = {
  macs: { type: 'string', default: '200' },
  'at-once': { type: 'string', default: '24' },
  steady: { type: 'string', default: '60' },
  outages: { type: 'string', default: '0,75' },
  'no-refresh': { type: 'boolean', default: false },
  'reattest-concurrency': { type: 'string', default: '32' },
  'reattest-jitter': { type: 'string', default: '20' },
  'pushes-per-second': { type: 'string', default: '50' },
  'cpu-prof': { type: 'string' },
  json: { type: 'boolean', default: false },
} as const

/** Throws with a sentence for whoever typed the flags. */
export function parseFleetOptions(argv: string[]): FleetBenchOptions {
  const { values } = parseArgs({ args: argv, options: FLAGS })
  const whole = (flag: string, text: string, least: number): number => {
    const value = Number(text)
    if (text === '' || !Number.isSafeInteger(value) || value < least) throw new Error(`--${flag} takes whole numbers from ${least} on`)
    return value
  }
  return {
    macs: whole('macs', values.macs, 1),
    atOnce: whole('at-once', values['at-once'], 1),
    steadySeconds: whole('steady', values.steady, 0),
    outages: values.outages.split(',').flatMap((text) => (text === '' ? [] : [whole('outages', text, 0)])),
    refresh: !values['no-refresh'],
    reattestConcurrency: whole('reattest-concurrency', values['reattest-concurrency'], 1),
    reattestJitterSeconds: whole('reattest-jitter', values['reattest-jitter'], 0),
    pushesPerSecond: whole('pushes-per-second', values['pushes-per-second'], 1),
    profileDir: values['cpu-prof'],
    json: values.json,
  }
}
