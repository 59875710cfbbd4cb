import { expect, test } from 'vitest'
import { runTrial, type StepResult, trialExitCode, trialText } from './run-trial.ts'
import type { Probe, TrialStep } from './step.ts'
import { TRIAL_STEPS } from './steps.ts'

const step = (id: string, probe?: Probe, isBlocking?: true): TrialStep => ({
  id,
  fact: `fact ${id}`,
  run: 'do it',
  expect: 'this',
  otherwise: 'change that',
  ...(probe && { probe }),
  ...(isBlocking && { isBlocking }),
})
const node = (script: string, more: Partial<Probe> = {}): Probe => ({
  command: [process.execPath, '-e', script],
  output: /^yes$/m,
  ...more,
})
const run = (...steps: TrialStep[]) => runTrial({ steps, system: 'a test', isRoot: false, now: new Date('2026-11-21T12:00:00Z') })

test('runs each command and compares what it says', async () => {
  const { results } = await run(
    step('1', node('console.log("yes")')),
    step('2', node('console.error("no")')),
    step('3', node('console.log("yes"); process.exit(3)')),
    step('4', node('console.log("yes"); process.exit(3)', { exitCode: 3 })),
    step('5', { command: ['/no/such/program'], output: /x/ }),
    step('6', node('', { needsRoot: true })),
    step('7'),
  )
  expect(results.map(({ outcome }) => outcome)).toEqual([
    ...['confirmed', 'contradicted', 'contradicted', 'confirmed', 'could not run', 'needs root', 'by hand'],
  ])
  expect(results[1]).toMatchObject({ seen: 'no\n', otherwise: 'change that' })
})

test('says what was seen and what changes, and what a person has to do', async () => {
  const report = await run(step('1', node('console.log("no")')), step('2'))
  const text = trialText(report)
  expect(text).toContain('seen: no')
  expect(text).toContain('so: change that')
  expect(text).toContain('do: do it')
  expect(text).toContain('0 confirmed, 1 contradicted, 1 open')
})

test.each<[string, Partial<StepResult>[], number]>([
  ['all that blocks is confirmed', [{ outcome: 'confirmed', isBlocking: true }, { outcome: 'by hand' }], 0],
  ['something that blocks is open', [{ outcome: 'needs root', isBlocking: true }], 20],
  ['a Mac says otherwise', [{ outcome: 'contradicted' }, { outcome: 'by hand', isBlocking: true }], 10],
])('ends according to the whole: %s', (_, results, code) => {
  const whole = results.map((result) => ({ id: 'x', fact: 'x', isBlocking: false, outcome: 'by hand', ...result }) as StepResult)
  expect(trialExitCode({ results: whole })).toBe(code)
})

test('the plan names every step once, and every command by its whole path', () => {
  const ids = TRIAL_STEPS.map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
  for (const { probe } of TRIAL_STEPS) expect(probe?.command[0] ?? '/').toMatch(/^\//)
})
