import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cruise } from './house/cruise.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const bin = (name: string): string => join(root, 'node_modules/.bin', name)

type Check = { name: string; run: () => { passed: boolean; output: string } }

const program = (name: string, ...args: string[]): Check['run'] => {
  return () => {
    const result = spawnSync(bin(name), args, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
    return { passed: result.status === 0, output: `${result.stdout}${result.stderr}` }
  }
}

const CHECKS: Check[] = [
  { name: 'format and lint', run: program('biome', 'ci', '--error-on-warnings', '.') },
  { name: 'types of the server', run: program('tsc', '-p', '.') },
  ...(existsSync(join(root, 'app/tsconfig.json')) ? [{ name: 'types of the console', run: program('tsc', '-p', 'app') }] : []),
  { name: 'who may import whom', run: () => cruise(root) },
  { name: 'nothing unused', run: program('knip', '--no-progress') },
]

/** All checks, so that one run shows every fault. Arguments name those to run. */
function runChecks(asked: string[]): number {
  let failed = 0
  for (const check of CHECKS.filter(({ name }) => asked.length === 0 || asked.some((word) => name.includes(word)))) {
    const startedAt = performance.now()
    const { passed, output } = check.run()
    if (!passed) {
      failed++
      console.error(output.trimEnd())
    }
    console.log(`${passed ? 'ok    ' : 'FAILED'} ${check.name} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`)
  }
  return failed === 0 ? 0 : 1
}

process.exitCode = runChecks(process.argv.slice(2))
