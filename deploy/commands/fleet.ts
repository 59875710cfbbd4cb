import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const ROOT = join(import.meta.dirname, '../..')
/** Test equipment: started as a child process, never imported. */
const SIMULATOR = join(ROOT, 'test/software-mac/simulate.ts')

const UNSUPPORTED = 20
const MALFORMED = 30
const MAX_MACS = 1000

const USAGE = `usage: espalier fleet simulate --url URL --token TOKEN [--macs N] [--engine llama|sim]
                               [--slots N] [--ttft-ms N] [--itl-ms N] [--model NAME=FOLDER]…
                               [--dir DIR] [--apple DIR] [--json]`

const FLAGS = {
  macs: { type: 'string' },
  engine: { type: 'string' },
  slots: { type: 'string' },
  'ttft-ms': { type: 'string' },
  'itl-ms': { type: 'string' },
  model: { type: 'string', multiple: true },
  url: { type: 'string' },
  token: { type: 'string' },
  dir: { type: 'string' },
  apple: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

/** `espalier fleet simulate …`: software Macs that enroll and serve until they are told to stop. Returns the exit code. */
export async function fleetCommand(argv: string[]): Promise<number> {
  const [verb, ...rest] = argv
  if (verb === 'help' || argv.includes('--help') || argv.includes('-h')) return help()
  if (verb !== 'simulate') return malformed(missing(verb))
  let values: ReturnType<typeof parse>
  try {
    values = parse(rest)
  } catch (error) {
    return malformed(error instanceof Error ? error.message : String(error))
  }
  const engine = values.engine ?? 'llama'
  if (engine === 'mlx') return unsupported(values, 'The MLX engine runs only on a Mac; use --engine llama or --engine sim.')
  const fault = faultOf(values, engine)
  return fault === undefined ? simulate(rest, values) : malformed(fault)
}

const parse = (argv: string[]) => parseArgs({ args: argv, options: FLAGS }).values
type Values = ReturnType<typeof parse>

function faultOf(values: Values, engine: string): string | undefined {
  if (engine !== 'llama' && engine !== 'sim') return '--engine is one of: llama, sim'
  const url = values.url === undefined ? null : URL.parse(values.url)
  if (url === null || !/^https?:$/.test(url.protocol)) return '--url is the appliance’s address, like http://localhost:3200'
  if (tokenOf(values) === undefined) return '--token is an API key with the scope to enroll Macs; ESPALIER_TOKEN does as well'
  if (!isCount(values.macs ?? '1', 1, MAX_MACS)) return `--macs is a number from 1 to ${MAX_MACS}`
  for (const flag of ['slots', 'ttft-ms', 'itl-ms'] as const) {
    if (!isCount(values[flag] ?? '1', 0, 9_999_999)) return `--${flag} is a whole number`
  }
  return undefined
}

const isCount = (text: string, least: number, most: number) => /^\d{1,7}$/.test(text) && Number(text) >= least && Number(text) <= most
const tokenOf = (values: Values) => values.token ?? process.env.ESPALIER_TOKEN

/** The token goes through the environment: arguments are readable by every user of the machine. */
function simulate(argv: string[], values: Values): Promise<number> {
  const args = argv.filter((argument, index) => !argument.startsWith('--token') && argv[index - 1] !== '--token')
  const child = spawn(process.execPath, [SIMULATOR, ...args], {
    env: { ...process.env, ESPALIER_TOKEN: tokenOf(values) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const forward = (signal: NodeJS.Signals) => child.kill(signal)
  process.on('SIGTERM', forward)
  process.on('SIGINT', forward)
  const stopWatching = whenParentGone(() => child.kill('SIGTERM'))
  return new Promise((resolve) => {
    const done = (code: number) => {
      process.off('SIGTERM', forward)
      process.off('SIGINT', forward)
      stopWatching()
      resolve(code)
    }
    child.once('error', () => done(1))
    child.once('exit', (code) => done(code ?? 1))
  })
}

/** Killed without a chance to tell us: this process then has another parent. */
function whenParentGone(gone: () => void): () => void {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid !== parent) gone()
  }, 500)
  timer.unref()
  return () => clearInterval(timer)
}

function help(): number {
  console.log(USAGE)
  return 0
}

function missing(verb: string | undefined): string {
  const isNamed = verb !== undefined && !verb.startsWith('-')
  return isNamed ? `There is no “espalier fleet ${verb}”: say simulate.` : 'Say what the fleet should do: simulate.'
}

function malformed(fault: string): number {
  console.error(`${fault}\n${USAGE}`)
  return MALFORMED
}

function unsupported({ json }: Values, message: string): number {
  if (json === true) console.log(JSON.stringify({ code: 'unsupported', message }))
  else console.error(message)
  return UNSUPPORTED
}
