import { EnvError, readEnv } from '../../server/env.ts'
import { serve } from '../../server/main.ts'
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

function introduce(first: { url: string; adminEmail: string; adminPassword: string; apiKey: string }): void {
  const lines = [
    'Espalier is ready.',
    '',
    `  Console   ${first.url}`,
    `  Sign in   ${first.adminEmail}   ${first.adminPassword}`,
    `  API key   ${first.apiKey}   (base URL ${first.url}/v1)`,
  ]
  console.log(`\n${lines.join('\n')}\n`)
}
