import { execFile } from 'node:child_process'
import type { Probe, TrialStep } from './step.ts'

export type Outcome = 'confirmed' | 'contradicted' | 'by hand' | 'needs root' | 'could not run'

export type StepResult = {
  id: string
  isBlocking: boolean
  fact: string
  outcome: Outcome
  command?: string
  seen?: string
  otherwise?: string
}

export type TrialReport = { at: string; system: string; results: StepResult[] }

const TIMEOUT_MS = 60_000
const MAX_OUTPUT_BYTES = 256 * 1024
/** Of what a command said, this much is kept in the report. */
const MAX_SEEN = 2000

/** Runs every probe, one after the other; what no program can try is listed for a person. */
export async function runTrial(options: { steps: readonly TrialStep[]; system: string; isRoot: boolean; now: Date }): Promise<TrialReport> {
  const results: StepResult[] = []
  for (const step of options.steps) results.push(await tryStep(step, options.isRoot))
  return { at: options.now.toISOString(), system: options.system, results }
}

async function tryStep({ id, fact, isBlocking, run, otherwise, probe }: TrialStep, isRoot: boolean): Promise<StepResult> {
  const about = { id, fact, isBlocking: isBlocking === true }
  if (probe === undefined) return { ...about, outcome: 'by hand', command: run }
  const command = probe.command.join(' ')
  if (probe.needsRoot && !isRoot) return { ...about, outcome: 'needs root', command }
  const { exitCode, output } = await capture(probe)
  if (exitCode === undefined) return { ...about, outcome: 'could not run', command, seen: output }
  const isAsSaid = exitCode === (probe.exitCode ?? 0) && probe.output.test(output)
  const seen = output.slice(0, MAX_SEEN)
  return isAsSaid ? { ...about, outcome: 'confirmed', command, seen } : { ...about, outcome: 'contradicted', command, seen, otherwise }
}

/** `exitCode` is undefined where there was no such program, or none that ended. */
function capture({ command: [file, ...args] }: Probe): Promise<{ exitCode: number | undefined; output: string }> {
  return new Promise((resolve) => {
    execFile(file, args, { timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES }, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code
      resolve({
        exitCode: typeof code === 'number' ? code : undefined,
        output: typeof code === 'number' ? `${stdout}${stderr}` : String(code),
      })
    })
  })
}

/** 10: a Mac says otherwise. 20: something blocking is not settled yet. 0: all that blocks is confirmed, and nothing contradicted. */
export function trialExitCode({ results }: Pick<TrialReport, 'results'>): 0 | 10 | 20 {
  if (results.some(({ outcome }) => outcome === 'contradicted')) return 10
  return results.every(({ isBlocking, outcome }) => !isBlocking || outcome === 'confirmed') ? 0 : 20
}

export function trialText({ at, system, results }: TrialReport): string {
  const lines = results.map((result) => {
    const head = `${result.outcome.padEnd(14)} ${result.id.padEnd(4)} ${result.isBlocking ? '(blocking) ' : ''}${result.fact}`
    const seen = result.outcome === 'contradicted' ? `\n${indent(`seen: ${result.seen?.trim()}\nso: ${result.otherwise}`)}` : ''
    return result.outcome === 'by hand' ? `${head}\n${indent(`do: ${result.command}`)}` : `${head}${seen}`
  })
  const count = (outcome: Outcome) => results.filter((result) => result.outcome === outcome).length
  const open = results.length - count('confirmed') - count('contradicted')
  const sums = `${count('confirmed')} confirmed, ${count('contradicted')} contradicted, ${open} open`
  return `${[`Trial of ${at} on ${system}`, '', ...lines, '', sums].join('\n')}\n`
}

const indent = (text: string): string => text.replace(/^/gm, ' '.repeat(20))
