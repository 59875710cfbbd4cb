import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** One line of the table that `test/peers/go.ts` prints: what a program of others did here, and what was seen. */
export type Seen = { peer: string; did: string; saw: string; ok: boolean }

export type Ran = { exit: number; output: string }

/** Runs a program to its end; what it writes on both streams, in one text. */
export async function runProgram(file: string, args: readonly string[], options: { cwd: string; timeoutMs?: number }): Promise<Ran> {
  try {
    const { stdout, stderr } = await promisify(execFile)(file, args, { cwd: options.cwd, timeout: options.timeoutMs ?? 120_000 })
    return { exit: 0, output: stdout + stderr }
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: number | string; stdout?: string; stderr?: string }
    if (typeof code !== 'number') throw error
    return { exit: code, output: stdout + stderr }
  }
}
