import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Failure, Report } from './fuzz.ts'
import type { Input } from './target.ts'
import { TARGETS } from './targets.ts'
import { fuzzWatched } from './watched.ts'

const USAGE = `Usage: node test/fuzz/run.ts [options]

Feeds mutations of real values to the parsers that read bytes from outside, and holds each parser to its laws.

  --target NAME[,NAME…]   which ones; without it, all of them one after another
  --seconds N             how long each (default 60)
  --seed S                which mutations (default: a new seed, which is printed)
  --out FOLDER            where inputs that break a law are written (default: a folder of the system’s for temporary files)
  --repeat FILE           feed one such input again
  --list                  the targets and their laws

Exit status: 0 no law was broken, 10 one was, 30 a wrong option.`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      target: { type: 'string' },
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string', default: Date.now().toString(36) },
      out: { type: 'string', default: join(tmpdir(), 'espalier-fuzz') },
      repeat: { type: 'string' },
      list: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) return print(USAGE)
  if (values.list === true) return print(TARGETS.map(({ name, about }) => `${name.padEnd(20)}${about}`).join('\n'))
  if (values.repeat !== undefined) return repeat(values.repeat)
  const names = values.target?.split(',') ?? TARGETS.map(({ name }) => name)
  const unknown = names.filter((name) => !TARGETS.some((target) => target.name === name))
  const seconds = Number(values.seconds)
  if (unknown.length > 0 || !(seconds > 0))
    throw new RangeError(unknown.length > 0 ? `no target ${unknown.join(', ')}` : 'how many seconds?')
  let failed = 0
  for (const target of names) {
    const report = await fuzzWatched({ target, seed: values.seed, seconds })
    print(describe(report))
    for (const failure of report.failures)
      print(`  FAILURE ${failure.message}\n          ${keep(values.out, failure, values.seed, failed++)}`)
  }
  return failed === 0 ? 0 : 10
}

function describe({ target, seed, executions, seconds, seeds, corpus, outcomes, slowest, failures }: Report): string {
  const sizes = slowest.input.map((part) => part.length).join(' + ')
  const words = outcomes.slice(0, 6).map(([word, count]) => `${word} ${count}`)
  return [
    `${target}  seed ${seed}`,
    `  executions ${executions}, ${Math.round(executions / seconds)}/s over ${seconds.toFixed(0)} s; corpus ${seeds} → ${corpus}; ${outcomes.length} outcomes`,
    `  slowest ${slowest.ms.toFixed(1)} ms of processor time (${sizes} bytes)`,
    `  heard most: ${words.join('; ')}`,
    `  failures ${failures.length}`,
  ].join('\n')
}

function keep(folder: string, { target, message, input }: Failure, seed: string, index: number): string {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${target}-${seed}-${index}.json`)
  const parts = input.map((part) => Buffer.from(part).toString('base64'))
  writeFileSync(file, `${JSON.stringify({ target, message, seed, parts }, null, 2)}\n`)
  return file
}

async function repeat(file: string): Promise<number> {
  const { target: name, parts } = JSON.parse(readFileSync(file, 'utf8')) as { target: string; parts: string[] }
  const target = TARGETS.find((one) => one.name === name)
  if (target === undefined) throw new RangeError(`no target ${name}`)
  const input: Input = parts.map((part) => new Uint8Array(Buffer.from(part, 'base64')))
  const { run } = await target.open()
  const start = performance.now()
  print(`${await run(input)} in ${(performance.now() - start).toFixed(1)} ms`)
  return 0
}

function print(text: string): number {
  process.stdout.write(`${text}\n`)
  return 0
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : 'something went wrong'}\n`)
  process.exitCode = 30
}
