import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ACCEPTED_SKIPS } from './skips.ts'

type Assertion = { status: string; fullName: string }
type Results = { numPassedTests: number; numFailedTests: number; testResults: { name: string; assertionResults: Assertion[] }[] }

const root = fileURLToPath(new URL('..', import.meta.url))
/** Read by .ci/run for its last line. */
const resultsFile = process.env.ESPALIER_TEST_RESULTS ?? join(root, 'node_modules/.espalier/test-results.json')

/** Every test, or those that the arguments name; then a line for everything that was skipped. */
async function runTests(argv: string[]): Promise<number> {
  mkdirSync(join(resultsFile, '..'), { recursive: true })
  rmSync(resultsFile, { force: true })
  const code = await vitest(['run', ...argv, '--reporter=default', '--reporter=json', `--outputFile.json=${resultsFile}`])
  const skipped = findSkipped()
  for (const test of skipped) console.log(`skipped: ${test}${reasonFor(test)}`)
  const unexplained = process.env.CI === 'true' ? skipped.filter((test) => !isAccepted(test)) : []
  if (unexplained.length > 0)
    console.error(`${unexplained.length} skipped without an entry in test/skips.ts, which CI=true does not accept.`)
  return code !== 0 ? code : unexplained.length > 0 ? 1 : 0
}

function vitest(args: string[]): Promise<number> {
  const child = spawn(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), ...args], { cwd: root, stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  return new Promise((resolve, reject) => child.once('error', reject).once('exit', (code) => resolve(code ?? 1)))
}

function findSkipped(): string[] {
  let results: Results
  try {
    results = JSON.parse(readFileSync(resultsFile, 'utf8')) as Results
  } catch {
    return []
  }
  return results.testResults.flatMap((file) =>
    file.assertionResults
      .filter((assertion) => ['skipped', 'pending', 'todo', 'disabled'].includes(assertion.status))
      .map((assertion) => `${relative(root, file.name)}: ${assertion.fullName}`),
  )
}

const isAccepted = (test: string): boolean => ACCEPTED_SKIPS.some((skip) => skip.test === test)

function reasonFor(test: string): string {
  const skip = ACCEPTED_SKIPS.find((accepted) => accepted.test === test)
  return skip ? ` (${skip.reason}, since ${skip.since})` : ''
}

process.exitCode = await runTests(process.argv.slice(2))
