import { spawn } from 'node:child_process'
import { join } from 'node:path'

const ROOT = new URL('../../..', import.meta.url).pathname

export type CliResult = { code: number | null; stdout: string; stderr: string }

/** `npx espalier …`, as a process of its own. */
export async function espalier(args: readonly string[], env: Record<string, string> = {}): Promise<CliResult> {
  const child = spawn(process.execPath, [join(ROOT, 'deploy/espalier.mjs'), ...args], {
    cwd: ROOT,
    env: { ...process.env, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => (stdout += chunk))
  child.stderr.on('data', (chunk) => (stderr += chunk))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, stdout, stderr }
}
