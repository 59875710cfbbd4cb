import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = new URL('../../..', import.meta.url).pathname
const REQUIREMENTS = join(ROOT, 'test/journeys/clients/requirements.txt')

/**
 * A Python with the pinned clients, made once in node_modules/.espalier; undefined, with a line that says why, where this machine
 * has no Python or reaches no package index.
 */
export function pythonWithClients(): string | undefined {
  const folder = join(ROOT, 'node_modules/.espalier/python')
  const python = join(folder, 'bin/python')
  const stamp = join(folder, 'requirements.sha256')
  const wanted = createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return python
  try {
    execFileSync('python3', ['-m', 'venv', '--clear', folder], { stdio: 'pipe' })
    execFileSync(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', REQUIREMENTS], { stdio: 'pipe' })
    writeFileSync(stamp, wanted)
    return python
  } catch (error) {
    console.log(`skipped: the Python clients (${error instanceof Error ? error.message.split('\n', 1)[0] : error})`)
    return undefined
  }
}
