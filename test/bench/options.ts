import { parseArgs } from 'node:util'

export type BenchOptions = {
  /** Concurrent streams of each level, measured one level after the other. */
  levels: number[]
  rounds: number
  /** Counted requests of one stream in one round. */
  requests: number
  ttftMs: number
  itlMs: number
  tokens: number
  macs: number
  slots: number
  /** `spread`: streams begin evenly over one answer's length, and stay so. `burst`: all at the same moment, over and over. */
  arrivals: 'spread' | 'burst'
  /** Where the coordinator and the agents leave CPU profiles. */
  profileDir: string | undefined
  json: boolean
}

export const USAGE = `usage: npm run bench -- [--streams 1,32,128] [--rounds 3] [--requests 4] [--tokens 50] [--ttft-ms 50] [--itl-ms 20]
                        [--macs 2] [--slots 128] [--arrivals spread|burst] [--cpu-prof DIR] [--json]`

const FLAGS = {
  streams: { type: 'string', default: '1,32,128' },
  rounds: { type: 'string', default: '3' },
  requests: { type: 'string', default: '4' },
  tokens: { type: 'string', default: '50' },
  'ttft-ms': { type: 'string', default: '50' },
  'itl-ms': { type: 'string', default: '20' },
  macs: { type: 'string', default: '2' },
  slots: { type: 'string', default: '128' },
  arrivals: { type: 'string', default: 'spread' },
  'cpu-prof': { type: 'string' },
  json: { type: 'boolean', default: false },
} as const

/** Throws with a sentence for whoever typed the flags. */
export function parseBenchOptions(argv: string[]): BenchOptions {
  const { values } = parseArgs({ args: argv, options: FLAGS })
  const { arrivals } = values
  if (arrivals !== 'spread' && arrivals !== 'burst') throw new Error('--arrivals is spread or burst')
  const count = (flag: Exclude<keyof typeof values, 'json' | 'cpu-prof'>, least: number): number => wholeNumber(flag, values[flag], least)
  return {
    levels: values.streams.split(',').map((text) => wholeNumber('streams', text, 1)),
    rounds: count('rounds', 1),
    requests: count('requests', 1),
    ttftMs: count('ttft-ms', 0),
    itlMs: count('itl-ms', 0),
    tokens: count('tokens', 1),
    macs: count('macs', 1),
    slots: count('slots', 1),
    arrivals,
    profileDir: values['cpu-prof'],
    json: values.json,
  }
}

function wholeNumber(flag: string, text: string, least: number): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < least) throw new Error(`--${flag} takes whole numbers from ${least} on`)
  return value
}
