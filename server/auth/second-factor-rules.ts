import { AppError } from '../errors.ts'
import { appendAudit } from '../store/audit.ts'
import { listSecondFactorRules, setSecondFactorRule as setRule } from '../store/second-factors.ts'
import { changingPeople, type PeopleDeps } from './change-person.ts'
import { maySetSecondFactorRules, type Role } from './permissions.ts'

/** The roles whose people have to set up a second factor before they can do anything else. */
export const listNeededSecondFactors = (deps: Pick<PeopleDeps, 'store'>): Promise<Role[]> => listSecondFactorRules(deps.store)

/** Takes effect at the next request of everybody with the role. */
export function setSecondFactorRule(deps: PeopleDeps, wish: { role: Role; isNeeded: boolean; by: string }): Promise<void> {
  return changingPeople(deps, wish.by, async (change) => {
    if (!maySetSecondFactorRules(change.by.role))
      throw new AppError('forbidden', { public: 'Only owners say which roles need a second factor.' })
    const { role, isNeeded } = wish
    if (!(await setRule(change.db, { role, isNeeded, at: change.at }))) return
    await appendAudit(change.db, { type: 'people.second-factor-rule-changed', subject: role, detail: { isNeeded } }, change)
  })
}
