import { describe, expect, test } from 'vitest'
import { createAccountDelay } from './account-delay.ts'

const at = (ms: number) => new Date(1_000_000 + ms)
const LIMIT = { freeFailures: 2, firstDelayMs: 1000, maxDelayMs: 8000, quietMs: 60_000, maxAccounts: 10, maxNetworks: 10 }

/** One failure from each of so many networks: n0, n1, … */
function guess(delay: ReturnType<typeof createAccountDelay>, times: number): void {
  for (let n = 0; n < times; n++) delay.failed('admin', `n${n}`, at(0))
}

describe('the delay of an account', () => {
  test('grows with the failures of all networks together', () => {
    for (const [failures, waitMs] of [
      [2, 0],
      [3, 1000],
      [4, 2000],
      [6, 8000],
      [9, 8000],
    ] as const) {
      const delay = createAccountDelay(LIMIT)
      guess(delay, failures)
      expect(delay.waitMs('admin', 'n0', at(0))).toBe(waitMs)
    }
  })

  test('does not touch a network that has not failed, however many others have', () => {
    const delay = createAccountDelay(LIMIT)
    guess(delay, 200)
    expect(delay.waitMs('admin', 'home', at(0))).toBe(0)
  })

  test('does not touch another account', () => {
    const delay = createAccountDelay(LIMIT)
    guess(delay, 9)
    expect(delay.waitMs('someone', 'n0', at(0))).toBe(0)
  })

  test('runs out, and is counted from the network’s own last failure', () => {
    const delay = createAccountDelay(LIMIT)
    guess(delay, 3)
    delay.failed('admin', 'n0', at(500))
    expect(delay.waitMs('admin', 'n0', at(500))).toBe(2000)
    expect(delay.waitMs('admin', 'n1', at(500))).toBe(1500)
    expect(delay.waitMs('admin', 'n0', at(2500))).toBe(0)
  })

  test('begins anew after a quiet time', () => {
    const delay = createAccountDelay(LIMIT)
    guess(delay, 9)
    delay.failed('admin', 'n0', at(60_000))
    expect(delay.waitMs('admin', 'n0', at(60_000))).toBe(0)
  })

  test('a success frees its own network and no other, and is no failure of the account', () => {
    const delay = createAccountDelay(LIMIT)
    guess(delay, 4)
    delay.succeeded('admin', 'n0')
    expect(delay.waitMs('admin', 'n0', at(0))).toBe(0)
    expect(delay.waitMs('admin', 'n1', at(0))).toBe(1000)
  })

  test('remembers no more accounts and networks than its bounds', () => {
    const delay = createAccountDelay({ ...LIMIT, freeFailures: 0, maxAccounts: 2, maxNetworks: 2 })
    for (const network of ['n0', 'n1', 'n2']) delay.failed('a', network, at(0))
    expect(['n0', 'n1', 'n2'].map((network) => delay.waitMs('a', network, at(0)) > 0)).toEqual([false, true, true])
    for (const account of ['b', 'c']) delay.failed(account, 'n0', at(0))
    expect(['a', 'b', 'c'].map((account) => delay.waitMs(account, account === 'a' ? 'n2' : 'n0', at(0)) > 0)).toEqual([false, true, true])
  })
})
