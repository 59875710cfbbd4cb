import type { AgentStatus } from '../../agent/status-file.ts'

const EXIT = { ok: 0, failed: 1, refused: 10, unsupported: 20, malformed: 30 } as const

const USAGE = `espalier agent run      keep this Mac connected to its appliance
espalier agent status   show what the running agent knows (--json)

  --url URL                 the appliance (ESPALIER_URL)
  --platform P              macos, or software:FOLDER (ESPALIER_AGENT_PLATFORM)
  --engine E                auto, llama or sim (ESPALIER_AGENT_ENGINE)
  --model NAME=FOLDER       may be repeated (ESPALIER_AGENT_MODELS, with commas)
  --slots N --context N --threads N
  --ttft-ms N --itl-ms N    times of the engine sim
  --state FOLDER            where status.json is kept (ESPALIER_AGENT_STATE)
`

/** `espalier agent …`; gives the exit code. */
export async function agentCommand(argv: string[]): Promise<number> {
  const [command, ...rest] = argv
  if (command === 'help' || argv.includes('--help') || argv.includes('-h')) {
    process.stdout.write(USAGE)
    return EXIT.ok
  }
  switch (command) {
    case 'run':
      return run(rest)
    case 'status':
      return status(rest)
    case 'doctor':
    case 'trial':
      return refuse(argv, { exit: EXIT.unsupported, code: 'unsupported', message: `“espalier agent ${command}” is not available yet.` })
    default:
      return refuse(argv, { exit: EXIT.malformed, code: 'unknown_command', message: `${missing(command)}\n\n${USAGE}` })
  }
}

function missing(command: string | undefined): string {
  const isNamed = command !== undefined && !command.startsWith('-')
  return isNamed ? `There is no “espalier agent ${command}”: say run or status.` : 'Say what the agent should do: run or status.'
}

function refuse(argv: string[], { exit, code, message }: { exit: number; code: string; message: string }): number {
  if (argv.includes('--json')) process.stdout.write(`${JSON.stringify({ code, message: message.split('\n')[0] })}\n`)
  else process.stderr.write(`${message.trimEnd()}\n`)
  return exit
}

async function run(argv: string[]): Promise<number> {
  const { parseAgentOptions } = await import('../../agent/options.ts')
  const parsed = parseAgentOptions(argv, process.env)
  if (!parsed.ok) {
    process.stderr.write(parsed.faults.map((fault) => `${fault}\n`).join(''))
    return EXIT.malformed
  }
  const { runAgent } = await import('../../agent/main.ts')
  try {
    await runAgent(parsed.options, stopSignal())
    return EXIT.ok
  } catch (error) {
    return explain(error)
  }
}

async function explain(error: unknown): Promise<number> {
  const { AgentError } = await import('../../agent/errors.ts')
  if (!(error instanceof AgentError)) throw error
  process.stderr.write(`${error.code}: ${error.message}\n`)
  return error.code === 'platform_unsupported' || error.code === 'engine_unavailable' ? EXIT.unsupported : EXIT.failed
}

/** The first SIGTERM or SIGINT drains; a second one ends at once. */
function stopSignal(): AbortSignal {
  const stop = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(EXIT.failed)
      stop.abort()
    })
  }
  return stop.signal
}

async function status(argv: string[]): Promise<number> {
  const [{ parseStateFolder }, { readStatus }] = await Promise.all([import('../../agent/options.ts'), import('../../agent/status-file.ts')])
  const flags = argv.filter((flag) => flag !== '--json')
  const folder = parseStateFolder(flags, process.env)
  if (folder === undefined) {
    process.stderr.write(USAGE)
    return EXIT.malformed
  }
  const found = await readStatus(folder)
  const isRunning = found !== undefined && processLives(found.pid)
  if (argv.includes('--json')) process.stdout.write(`${JSON.stringify({ running: isRunning, status: found ?? null })}\n`)
  else process.stdout.write(found === undefined ? 'no agent has run here\n' : describe(found, isRunning))
  if (!isRunning) return EXIT.unsupported
  return found.connected && found.trust === 'trusted' ? EXIT.ok : EXIT.refused
}

function processLives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives, and belongs to another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function describe(status: AgentStatus, isRunning: boolean): string {
  const { capacity } = status
  const models = capacity.models.map(({ name, state, error }) => `${name} ${state}${error === undefined ? '' : ` (${error})`}`)
  return [
    `agent     ${isRunning ? `running, process ${status.pid}` : 'not running'}, version ${status.version}`,
    `Mac       ${status.serial}${status.mac === null ? '' : `, ${status.mac}`}`,
    `appliance ${status.url}, ${status.connected ? 'connected' : 'not connected'}`,
    `trust     ${status.trust}${status.reasons.length === 0 ? '' : `: ${status.reasons.join(', ')}`}`,
    `capacity  ${capacity.active} of ${capacity.slots} slots in use${status.draining ? ', draining' : ''}`,
    `models    ${models.length === 0 ? 'none' : models.join(', ')}`,
    `as of     ${status.updatedAt}`,
    '',
  ].join('\n')
}
