import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ended, stopChild } from '../supervise.ts'

export const FOLDER = join(import.meta.dirname, '..')

export function scratch(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'software-mac-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }) }
}

export type Running = {
  child: ChildProcess
  messages: Record<string, unknown>[]
  output(): string
  until(matches: (message: Record<string, unknown>) => boolean, timeoutMs?: number): Promise<Record<string, unknown>>
  exit(timeoutMs?: number): Promise<number | null>
  stop(): Promise<void>
}

/** Starts one of the programs of this folder with a channel, as the supervisor does. */
export function run(program: string, args: string[], env: Record<string, string | undefined> = {}): Running {
  const child = spawn(process.execPath, [join(FOLDER, program), ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const messages: Record<string, unknown>[] = []
  let text = ''
  child.stdout?.on('data', (part) => (text += part))
  child.stderr?.on('data', (part) => (text += part))
  child.on('message', (message) => messages.push(message as Record<string, unknown>))
  const explain = (what: string) => new Error(`${what}\n${text}\n${messages.map((message) => JSON.stringify(message)).join('\n')}`)
  return {
    child,
    messages,
    output: () => text,
    async until(matches, timeoutMs = 15_000) {
      const found = messages.find(matches)
      if (found !== undefined) return found
      const deadline = AbortSignal.timeout(timeoutMs)
      const end = ended(child).then(() => undefined)
      for (;;) {
        const next = await Promise.race([once(child, 'message', { signal: deadline }).catch(() => undefined), end])
        const now = messages.find(matches)
        if (now !== undefined) return now
        if (next === undefined) throw explain(deadline.aborted ? `nothing such within ${timeoutMs} ms` : `it ended with ${child.exitCode}`)
      }
    },
    async exit(timeoutMs = 15_000) {
      const late = new Promise<never>((_, reject) => setTimeout(() => reject(explain('it does not end')), timeoutMs).unref())
      return (await Promise.race([ended(child), late])).code
    },
    stop: () => stopChild(child, 5_000),
  }
}

export async function startApple(directory: string): Promise<Running> {
  const apple = run('apple/main.ts', ['--dir', directory])
  await apple.until((message) => message.state === 'serving')
  return apple
}
