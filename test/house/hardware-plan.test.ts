import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { planRows, TRIAL_STEPS } from '../../agent/trial/steps.ts'

const plan = readFileSync(join(import.meta.dirname, '../hardware/PLAN.md'), 'utf8')

// Otherwise: add the row to agent/trial/plan, then `npx espalier dev write-trial-plan`.
test('test/hardware/PLAN.md is the list that `espalier agent trial` runs', () => {
  const rows = plan.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| # '))
  expect(rows).toEqual(planRows(TRIAL_STEPS))
})

test('no cell of the plan breaks its table', () => {
  for (const row of planRows(TRIAL_STEPS)) {
    expect(row.match(/(?<!\\)\|/g)).toHaveLength(6)
    expect(row).not.toContain('\n')
  }
})
