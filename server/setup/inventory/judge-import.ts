import type { Policy } from '../../attestation/policy.ts'
import { compareForMac, lowersTrust } from '../../attestation/policy-change.ts'
import type { KnownMac } from '../../store/inventory.ts'
import type { LineFault, ListedMac, ParsedList } from './parse-list.ts'

/** What importing a list would do. Only a list without a fault is imported. */
export type ImportPlan = {
  added: ListedMac[]
  /** In the inventory already; they are left as they are. */
  known: ListedMac[]
  /** Revoked Macs never come back by a list. */
  revoked: ListedMac[]
  duplicates: number
  faults: LineFault[]
}

/** Pure. A pool that would lower what is asked of a Mac needs two persons, and so is no matter of a list. */
export function judgeImport(list: ParsedList, inventory: ReadonlyMap<string, KnownMac>, policy: Policy): ImportPlan {
  const plan: ImportPlan = { added: [], known: [], revoked: [], duplicates: list.duplicates, faults: [...list.faults] }
  const refusals = new Map<string, string | undefined>()
  for (const mac of list.macs) {
    const known = inventory.get(mac.serial)
    if (known?.isRevoked) plan.revoked.push(mac)
    else if (known !== undefined) plan.known.push(mac)
    else {
      const refusal = mac.pool === null ? undefined : remembered(refusals, mac.pool, (pool) => refusePool(policy, pool))
      if (refusal === undefined) plan.added.push(mac)
      else plan.faults.push({ line: mac.line, sentence: refusal })
    }
  }
  plan.faults.sort((a, b) => a.line - b.line)
  return plan
}

function remembered<T>(memory: Map<string, T>, key: string, make: (key: string) => T): T {
  if (!memory.has(key)) memory.set(key, make(key))
  return memory.get(key) as T
}

/** A Mac that is new has no id yet; nobody waives anything for it alone. */
const NOBODY = 'mac_new'

function refusePool(policy: Policy, pool: string): string | undefined {
  if (!policy.pools.some(({ name }) => name === pool)) return `The policy has no pool called “${pool}”.`
  if (!lowersTrust(compareForMac(policy, policy, { id: NOBODY, from: null, to: pool }))) return undefined
  return `Pool “${pool}” asks less of a Mac than no pool does: import it without a pool, and propose the move under Policy, where a second person approves it.`
}
