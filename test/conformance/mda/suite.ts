import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Case } from './case.ts'
import { generate } from './generate.ts'
import { type Answer, judge, type Result } from './judge.ts'
import { AT } from './laboratory.ts'

export type Asked = (file: string, options: readonly string[]) => Promise<Answer>

/** Writes every case into a folder as `<id>.bin`, with the root beside them and a list of what is expected. */
export async function writeCases(folder: string, seed?: string): Promise<{ cases: Case[]; root: string }> {
  const { cases, rootPem } = generate(seed)
  await mkdir(folder, { recursive: true })
  const root = join(folder, 'root.pem')
  await writeFile(root, rootPem)
  for (const one of cases) await writeFile(fileOf(folder, one), one.bytes)
  const list = cases.map(({ id, group, title, args, expected }) => ({ id, group, title, file: `${id}.bin`, args, expected }))
  await writeFile(join(folder, 'cases.json'), `${JSON.stringify({ at: AT.toISOString(), root: 'root.pem', cases: list }, null, 2)}\n`)
  return { cases, root }
}

const fileOf = (folder: string, { id }: Case): string => join(folder, `${id}.bin`)

/** A case's own `--at` stands in place of the suite's. */
export const optionsOf = ({ args }: Case, root: string): string[] => [
  '--json',
  '--root',
  root,
  ...(args.includes('--at') ? [] : ['--at', AT.toISOString()]),
  ...args,
]

export async function runCases(options: { folder: string; root: string; cases: readonly Case[]; ask: Asked }): Promise<Result[]> {
  const results: Result[] = []
  for (const one of options.cases) {
    const started = performance.now()
    const answer = await options.ask(fileOf(options.folder, one), optionsOf(one, options.root))
    results.push(judge(one, answer, performance.now() - started))
  }
  return results
}

/** A line a group, then every case that came out otherwise. */
export function asTable(results: readonly Result[]): string {
  const groups = [...new Set(results.map((result) => result.case.group))]
  const rows = groups.map((group) => {
    const own = results.filter((result) => result.case.group === group)
    return [
      group,
      String(own.length),
      String(own.filter(({ ok }) => ok).length),
      `${own.reduce((sum, { ms }) => sum + ms, 0).toFixed(0)} ms`,
    ]
  })
  const total = [
    'all',
    String(results.length),
    String(results.filter(({ ok }) => ok).length),
    `${results.reduce((sum, { ms }) => sum + ms, 0).toFixed(0)} ms`,
  ]
  const lines = [['group', 'cases', 'right', 'time'], ...rows, total].map(
    ([name = '', ...cells]) => name.padEnd(12) + cells.map((cell) => cell.padStart(10)).join(''),
  )
  const wrong = results.filter(({ ok }) => !ok)
  return [
    ...lines,
    ...wrong.map(
      (result) => `WRONG ${result.case.id} ${result.case.title}\n      expected ${result.expected}\n      found    ${result.found}`,
    ),
  ].join('\n')
}
