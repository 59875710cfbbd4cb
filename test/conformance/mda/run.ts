import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DEFAULT_SEED } from './generate.ts'
import { type Asked, asTable, runCases, writeCases } from './suite.ts'
import { commandTool, inProcess } from './tools.ts'

const USAGE = `Usage: node test/conformance/mda/run.ts [options]

Judges a verifier of Apple's Managed Device Attestation by files with one deviation each.

  --command "TOOL … {file} {args}"   the program to judge; without it, espalier attest inspect
  --only TEXT                        only cases whose id begins with TEXT (a group, or one case)
  --seed TEXT                        other keys and nonces; the default is “${DEFAULT_SEED}”
  --write FOLDER                     write the cases and cases.json there, and judge nothing
  --json                             the results in JSON

Exit status: 0 all as expected, 10 something else was found, 30 a wrong option.`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      command: { type: 'string' },
      only: { type: 'string' },
      seed: { type: 'string' },
      write: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) return print(USAGE, 0)
  if (values.write !== undefined) {
    const { cases } = await writeCases(values.write, values.seed)
    return print(`${cases.length} cases written to ${values.write}`, 0)
  }
  const ask: Asked = values.command === undefined ? (file, options) => inProcess([file, ...options]) : commandTool(values.command)
  const folder = await mkdtemp(join(tmpdir(), 'mda-conformance-'))
  try {
    const { cases, root } = await writeCases(folder, values.seed)
    const chosen = cases.filter(({ id }) => id.startsWith(values.only ?? ''))
    const results = await runCases({ folder, root, cases: chosen, ask })
    const isRight = results.length > 0 && results.every(({ ok }) => ok)
    const rows = results.map(({ case: { id, group, title }, ok, expected, found }) => ({ id, group, title, ok, expected, found }))
    return print(values.json === true ? JSON.stringify(rows, null, 2) : asTable(results), isRight ? 0 : 10)
  } finally {
    await rm(folder, { recursive: true })
  }
}

function print(text: string, exit: number): number {
  process.stdout.write(`${text}\n`)
  return exit
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : 'something went wrong'}\n`)
  process.exitCode = 30
}
