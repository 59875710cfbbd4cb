import { EnvError, readEnv } from '../../server/env.ts'
import { type Ready, serve } from '../../server/main.ts'
import { signalToStop } from '../../server/shutdown.ts'

/** `espalier serve`: the appliance, until SIGINT or SIGTERM. `--dev` serves the console with hot reload. */
export async function serveCommand(argv: string[]): Promise<number> {
  const json = argv.includes('--json')
  const stop = signalToStop()
  try {
    await serve(readEnv(process.env), { dev: argv.includes('--dev'), onReady: json ? () => undefined : introduce }, stop.signal)
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
