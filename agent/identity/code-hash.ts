import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

const AGENT_FOLDER = join(import.meta.dirname, '..')

/**
 * SHA-256 (hex) of the code that runs: the bundle file where the agent is bundled, else the agent's sources, each as path, length
 * and bytes in order of path. Self-reported, so it is policy, never proof (DESIGN §4.4).
 */
export async function ownCodeHash(): Promise<string> {
  const isBundled = !import.meta.filename.endsWith('.ts')
  const files = isBundled ? [import.meta.filename] : await sourceFiles(AGENT_FOLDER)
  const hash = createHash('sha256')
  for (const file of files) {
    const bytes = await readFile(file)
    hash.update(`${file.slice(AGENT_FOLDER.length)}\0${bytes.length}\0`).update(bytes)
  }
  return hash.digest('hex')
}

async function sourceFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true })
  return names
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .sort()
    .map((name) => join(folder, name))
}
