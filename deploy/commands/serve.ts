import { parseArgs } from 'node:util'
import { EnvError, readEnv } from '../../server/env.ts'
import { type Ready, serve } from '../../server/main.ts'
import { signalToStop } from '../../server/shutdown.ts'

const MALFORMED = 30

const USAGE = `Usage: espalier serve [--dev] [--json]

Runs the appliance until SIGINT or SIGTERM. Its settings come from the environment: see deploy/OPERATIONS.md.

  --dev    serve the console with hot reload
  --json   print no introduction; say faults in JSON`

/** `espalier serve`: the appliance, until SIGINT or SIGTERM. */
export async function serveCommand(argv: string[]): Promise<number> {
  const options = parseOptions(argv)
  if ('fault' in options) {
    const message = `${options.fault} See “espalier serve --help”.`
    console.error(argv.includes('--json') ? JSON.stringify({ code: 'bad_option', message }) : `espalier: ${message}`)
    return MALFORMED
  }
  if (options.help) {
    console.log(USAGE)
    return 0
  }
  return run(options)
}

type Options = { dev: boolean; json: boolean; help: boolean }

function parseOptions(argv: string[]): Options | { fault: string } {
  const flag = { type: 'boolean', default: false } as const
  try {
    return parseArgs({ args: argv, options: { dev: flag, json: flag, help: { ...flag, short: 'h' } } }).values
  } catch (error) {
    const words = argv.filter((word) => !['--dev', '--json', '--help', '-h'].includes(word))
    return { fault: `“${words[0] ?? (error as Error).message}” is nothing that serve takes.` }
  }
}

async function run({ dev, json }: Options): Promise<number> {
  const stop = signalToStop()
  try {
    await serve(readEnv(process.env), { dev, onReady: json ? () => undefined : introduce }, stop.signal)
    return 0
  } catch (error) {
    if (!(error instanceof EnvError)) throw error
    console.error(json ? JSON.stringify({ code: 'configuration', faults: error.faults }) : error.message)
    return 1
  } finally {
    stop.dispose()
  }
}

/** In production the secrets stay in first-run.json: what is printed ends in journals and log collectors. */
function introduce({ url, mode, credentials, isNew }: Ready): void {
  const secrets =
    mode === 'evaluation' && credentials !== undefined
      ? [`  Sign in   ${credentials.adminEmail}   ${credentials.adminPassword}`, `  API key   ${credentials.apiKey}   (base URL ${url}/v1)`]
      : isNew
        ? ['  The first password and API key are in first-run.json in the data folder. Keep them elsewhere, then delete that file.']
        : []
  console.log(`\n${['Espalier is ready.', '', `  Console   ${url}`, ...secrets].join('\n')}\n`)
}
