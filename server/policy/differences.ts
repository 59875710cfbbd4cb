import type { Policy } from '../attestation/policy.ts'
import { type Change, compare, compareForMac } from '../attestation/policy-change.ts'
import { AppError } from '../errors.ts'
import type { PooledMac } from '../store/policy-fleet.ts'
import { type Moves, withoutSpent } from './draft.ts'

/** Everything that a proposal changes: the policy in sentences, and each move of Macs from one pool to another, told once. */
export function differences(about: { base: Policy; policy: Policy; moves: Moves; macs: readonly PooledMac[]; now: Date }): Change[] {
  const base = withoutSpent(about.base, about.now)
  return [...compare(base, about.policy), ...moveChanges({ ...about, base })]
}

function moveChanges({ base, policy, moves, macs }: Parameters<typeof differences>[0]): Change[] {
  const groups = new Map<string, { change: Change; macs: number }>()
  for (const { mac, pool } of moves) {
    const known = macs.find(({ id }) => id === mac)
    if (known === undefined) throw new AppError('invalid_request', { public: `No Mac of the inventory is called ${mac}.`, param: 'moves' })
    if (pool !== null && !policy.pools.some(({ name }) => name === pool))
      throw new AppError('invalid_request', { public: `The policy has no pool called “${pool}”.`, param: 'moves' })
    if (known.pool === pool) continue
    const effect = worst(compareForMac(base, policy, { id: mac, from: known.pool, to: pool }))
    const key = JSON.stringify([known.pool, pool, effect])
    const group = groups.get(key) ?? { change: { effect, sentence: `go from ${nameOf(known.pool)} to ${nameOf(pool)}.` }, macs: 0 }
    groups.set(key, { ...group, macs: group.macs + 1 })
  }
  return [...groups.values()].map(({ change, macs: count }) => ({
    effect: change.effect,
    sentence: count === 1 ? `1 Mac ${change.sentence.replace(/^go /, 'goes ')}` : `${count} Macs ${change.sentence}`,
  }))
}

function worst(changes: readonly Change[]): Change['effect'] {
  if (changes.some(({ effect }) => effect === 'lowers')) return 'lowers'
  return changes.some(({ effect }) => effect === 'raises') ? 'raises' : 'neutral'
}

const nameOf = (pool: string | null): string => (pool === null ? 'no pool' : `pool “${pool}”`)
