import { closeSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createBackoff } from '../backoff.ts'
import { type Ended, keepRunning, startChild } from '../supervise.ts'

export type AgentSettings = {
  engine: 'llama' | 'sim'
  slots: number | undefined
  ttftMs: number | undefined
  itlMs: number | undefined
  /** NAME=FOLDER. */
  models: string[]
}

const ROOT = join(import.meta.dirname, '../../..')
const BIN = join(ROOT, 'deploy/espalier.mjs')
/** Makes an orphaned agent end, as launchd would end it with its Mac. */
const LEASH = join(import.meta.dirname, 'leash.ts')
const MAX_LOG_BYTES = 4 * 1024 * 1024
const GRACE_MS = 10_000

/** launchd's part: the real agent, restarted whenever it ends, its output in `agent.log`. */
export async function keepAgent(options: {
  directory: string
  serverUrl: string
  settings: AgentSettings
  onState: (state: 'started' | 'ended', detail?: string) => void
  signal: AbortSignal
}): Promise<void> {
  await keepRunning({
    start() {
      const log = openLog(join(options.directory, 'agent.log'))
      try {
        const child = startChild({
          command: process.execPath,
          args: agentArguments(options.settings),
          env: agentEnvironment(options),
          stdout: log,
          stderr: log,
        })
        options.onState('started', `pid ${child.pid}`)
        return child
      } finally {
        closeSync(log)
      }
    },
    onEnd(ended) {
      options.onState('ended', describeEnd(ended))
      return 'again'
    },
    backoff: createBackoff({ minMs: 500, maxMs: 30_000 }),
    graceMs: GRACE_MS,
    signal: options.signal,
  })
}

const agentArguments = ({ engine, slots, ttftMs, itlMs, models }: AgentSettings): string[] => [
  '--import',
  LEASH,
  BIN,
  'agent',
  'run',
  '--engine',
  engine,
  ...models.flatMap((model) => ['--model', model]),
  ...(slots === undefined ? [] : ['--slots', String(slots)]),
  ...(ttftMs === undefined ? [] : ['--ttft-ms', String(ttftMs)]),
  ...(itlMs === undefined ? [] : ['--itl-ms', String(itlMs)]),
]

const agentEnvironment = ({ directory, serverUrl }: { directory: string; serverUrl: string }): NodeJS.ProcessEnv => ({
  ...process.env,
  ESPALIER_URL: serverUrl,
  ESPALIER_AGENT_PLATFORM: `software:${directory}`,
})

/** Appends; a log grown large is kept once more as `.1`. */
function openLog(path: string): number {
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 })
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > MAX_LOG_BYTES) renameSync(path, `${path}.1`)
  return openSync(path, 'a', 0o600)
}

export const describeEnd = ({ code, signal }: Ended) => (signal === null ? `exit code ${code}` : signal)
