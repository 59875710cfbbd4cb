import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { planRows, TRIAL_STEPS } from '../../agent/trial/steps.ts'

const PLAN = join(import.meta.dirname, '../../test/hardware/PLAN.md')
const TABLE_HEAD = '|---|---|---|---|---|\n'

/** `espalier dev write-trial-plan`: writes the table of test/hardware/PLAN.md from the steps that `espalier agent trial` runs. */
export async function writeTrialPlan(): Promise<number> {
  const text = await readFile(PLAN, 'utf8')
  const head = text.slice(0, text.indexOf(TABLE_HEAD) + TABLE_HEAD.length)
  await writeFile(PLAN, `${head}${planRows(TRIAL_STEPS).join('\n')}\n`)
  process.stdout.write(`${TRIAL_STEPS.length} steps\n`)
  return 0
}
