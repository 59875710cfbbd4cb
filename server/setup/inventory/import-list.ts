import { createHash } from 'node:crypto'
import { newId } from '#protocol/ids'
import type { Policy } from '../../attestation/policy.ts'
import type { Actor } from '../../audit/events.ts'
import type { Clock } from '../../clock.ts'
import { AppError } from '../../errors.ts'
import { appendAudit } from '../../store/audit.ts'
import type { Db, Store } from '../../store/client.ts'
import { findKnownMacs, importMacs } from '../../store/inventory.ts'
import { lockPolicies } from '../../store/policies.ts'
import { type ImportPlan, judgeImport } from './judge-import.ts'
import { type ParsedList, parseList } from './parse-list.ts'

export type InventoryDeps = { store: Store; clock: Clock; policy: () => Policy }

/** 10,000 Macs in ten statements take a second or two; a database under load gets more. */
const IMPORT_TIMEOUT_MS = 60_000

/** What importing this list would do now; nothing is changed. */
export const previewImport = (deps: InventoryDeps, text: string): Promise<ImportPlan> => planImport(deps, deps.store, parseList(text))

async function planImport(deps: InventoryDeps, db: Db, list: ParsedList): Promise<ImportPlan> {
  const inventory = await findKnownMacs(
    db,
    list.macs.map(({ serial }) => serial),
  )
  return judgeImport(list, inventory, deps.policy())
}

/**
 * Imports a list in one transaction: all of it or nothing. `expected` is what the preview said; where the inventory has moved on since,
 * nothing is imported. Throws AppError.
 */
export async function importList(
  deps: InventoryDeps,
  wish: { text: string; expected: number; by: Actor },
): Promise<{ importId: string; added: string[]; known: number; revoked: number }> {
  const list = parseList(wish.text)
  const importId = newId('imp')
  const at = deps.clock.now()
  return deps.store.$transaction(
    async (tx) => {
      // A pool that goes while Macs come into it would leave them in none, unseen.
      await lockPolicies(tx)
      const plan = await planImport(deps, tx, list)
      refuse(plan, wish.expected)
      const macs = plan.added.map(({ serial, name, pool, ring }) => ({ serial, name, pool, ring: ring ?? 'all' }))
      if (!(await importMacs(tx, macs, { importId, by: wish.by, at }))) throw moved()
      const counts = { added: plan.added.length, known: plan.known.length, revoked: plan.revoked.length }
      const detail = { ...counts, pools: countPools(macs), listSha256: createHash('sha256').update(wish.text).digest('hex') }
      await appendAudit(tx, { type: 'inventory.imported', subject: importId, detail }, { actor: wish.by, at })
      return { importId, added: macs.map(({ serial }) => serial), known: counts.known, revoked: counts.revoked }
    },
    { timeout: IMPORT_TIMEOUT_MS },
  )
}

function refuse(plan: ImportPlan, expected: number): void {
  const [fault] = plan.faults
  if (fault !== undefined) {
    const others = plan.faults.length === 1 ? '' : ` ${plan.faults.length - 1} more lines are at fault.`
    throw new AppError('invalid_request', { public: `Line ${fault.line}: ${fault.sentence}${others}`, param: 'text' })
  }
  if (plan.added.length !== expected) {
    const text = `The inventory has changed: ${plan.added.length} Macs of this list are new now, not ${expected}. Look at the preview again.`
    throw new AppError('conflict', { public: text })
  }
}

const moved = (): AppError =>
  new AppError('conflict', { public: 'A Mac of this list has come into the inventory this very moment. Look at the preview again.' })

function countPools(macs: readonly { pool: string | null }[]): Record<string, number> {
  const counts = new Map<string, number>()
  for (const { pool } of macs) if (pool !== null) counts.set(pool, (counts.get(pool) ?? 0) + 1)
  return Object.fromEntries(counts)
}
