import { mkdir, writeFile } from 'node:fs/promises'
import { release } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { AgentStatus } from '../../agent/status-file.ts'
import type { TrialStep } from '../../agent/trial/step.ts'

const EXIT = { ok: 0, failed: 1, refused: 10, unsupported: 20, malformed: 30 } as const

const USAGE = `espalier agent run      keep this Mac connected to its appliance
espalier agent status   show what the running agent knows (--json)
espalier agent doctor   try everything that the agent needs, and say what is wrong (--json)
espalier agent trial    try on this Mac what no Mac has confirmed yet; --out FOLDER keeps trial.json and trial.txt (--json)

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
      return doctor(rest)
    case 'trial':
      return trial(rest)
    default:
      return refuse(argv, { exit: EXIT.malformed, code: 'unknown_command', message: `${missing(command)}\n\n${USAGE}` })
  }
}

function missing(command: string | undefined): string {
  const isNamed = command !== undefined && !command.startsWith('-')
  return isNamed
    ? `There is no “espalier agent ${command}”: say run, status, doctor or trial.`
    : 'Say what the agent should do: run, status, doctor or trial.'
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

async function doctor(argv: string[]): Promise<number> {
  const { parseAgentOptions } = await import('../../agent/options.ts')
  const isJson = argv.includes('--json')
  const parsed = parseAgentOptions(
    argv.filter((flag) => flag !== '--json'),
    process.env,
  )
  if (!parsed.ok) {
    if (isJson) process.stdout.write(`${JSON.stringify({ code: 'invalid_options', faults: parsed.faults })}\n`)
    else process.stderr.write(parsed.faults.map((fault) => `${fault}\n`).join(''))
    return EXIT.malformed
  }
  const { examinationExitCode, examinationText, examine } = await import('../../agent/doctor/doctor.ts')
  const findings = await examine(parsed.options, () => new Date())
  process.stdout.write(isJson ? `${JSON.stringify({ findings })}\n` : examinationText(findings))
  return examinationExitCode(findings)
}

async function trial(argv: string[]): Promise<number> {
  const values = trialFlags(argv)
  if (values === undefined) return EXIT.malformed
  const { TRIAL_STEPS } = await import('../../agent/trial/steps.ts')
  if (process.platform !== 'darwin') return trialNeedsAMac(TRIAL_STEPS, values.json === true)
  const { runTrial, trialExitCode, trialText } = await import('../../agent/trial/run-trial.ts')
  const system = `${process.platform} ${release()} ${process.arch}`
  const report = await runTrial({ steps: TRIAL_STEPS, system, isRoot: process.getuid?.() === 0, now: new Date() })
  process.stdout.write(values.json === true ? `${JSON.stringify(report)}\n` : trialText(report))
  if (values.out !== undefined) {
    await mkdir(values.out, { recursive: true, mode: 0o700 })
    await writeFile(join(values.out, 'trial.json'), `${JSON.stringify(report, null, 2)}\n`)
    await writeFile(join(values.out, 'trial.txt'), trialText(report))
  }
  return trialExitCode(report)
}

function trialFlags(argv: string[]): { json?: boolean; out?: string } | undefined {
  try {
    return parseArgs({ args: argv, options: { json: { type: 'boolean' }, out: { type: 'string' } } }).values
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : 'unknown flags'}\n`)
    return undefined
  }
}

/** Elsewhere the list is all that there is: what a Mac would try by itself, and what a person does there. */
function trialNeedsAMac(steps: readonly TrialStep[], isJson: boolean): number {
  const message = 'The trial needs a Mac; nothing was tried here.'
  if (isJson) {
    const listed = steps.map(({ id, fact, isBlocking, probe, run: how }) => ({
      id,
      fact,
      isBlocking: isBlocking === true,
      by: probe === undefined ? 'hand' : 'program',
      command: probe?.command.join(' ') ?? how,
    }))
    process.stdout.write(`${JSON.stringify({ code: 'unsupported', message, steps: listed })}\n`)
    return EXIT.unsupported
  }
  const lines = steps.map(({ id, fact, isBlocking, probe }) => {
    const by = probe === undefined ? 'by hand' : probe.needsRoot ? 'as root' : 'by itself'
    return `${by.padEnd(10)} ${id.padEnd(4)} ${isBlocking ? '(blocking) ' : ''}${fact}`
  })
  process.stdout.write(`${[message, '', ...lines].join('\n')}\n`)
  return EXIT.unsupported
}
