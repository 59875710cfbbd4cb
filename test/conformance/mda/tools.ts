import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { attestInspect } from '../../../deploy/commands/attest-inspect.ts'
import type { Answer } from './judge.ts'

/** A program under test: given the arguments of one case, its answer. */
export type Tool = (args: readonly string[]) => Promise<Answer>

/** The command itself, called in this process with what it would print caught: the whole suite in seconds. */
export const inProcess: Tool = async (args) => {
  const written: string[] = []
  const write = process.stdout.write
  process.stdout.write = ((chunk: string | Uint8Array) => {
    written.push(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString())
    return true
  }) as typeof write
  try {
    return { exit: await attestInspect([...args]), output: written.join('') }
  } finally {
    process.stdout.write = write
  }
}

const ESPALIER = fileURLToPath(new URL('../../../deploy/espalier.mjs', import.meta.url))

/** As a person calls it: `espalier attest inspect …`, in a process of its own. */
export const espalier: Tool = (args) => run(process.execPath, [ESPALIER, 'attest', 'inspect', ...args])

/**
 * Any other program: `{file}` stands for the case's file, `{args}` for its options. Split at spaces, no shell; words in double quotes
 * stay together.
 */
export function commandTool(template: string): (file: string, options: readonly string[]) => Promise<Answer> {
  const words = [...template.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
  const [program, ...rest] = words
  if (program === undefined || !words.includes('{file}')) throw new TypeError('a command names a program and {file}')
  return (file, options) =>
    run(
      program,
      rest.flatMap((word) => (word === '{file}' ? [file] : word === '{args}' ? options : [word])),
    )
}

const TIMEOUT_MS = 30_000
const MAX_OUTPUT = 4 * 1024 * 1024

function run(program: string, args: readonly string[]): Promise<Answer> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'], timeout: TIMEOUT_MS })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      if (output.length < MAX_OUTPUT) output += chunk.toString()
    })
    child.on('error', () => resolve({ exit: null, output: '' }))
    child.on('close', (exit) => resolve({ exit, output }))
  })
}
