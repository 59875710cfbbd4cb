import { describe, expect, test } from 'vitest'
import { createAttemptLimiter } from './attempt-limiter.ts'

const at = (ms: number) => new Date(1_000_000 + ms)

describe('the attempt limiter', () => {
  test('waits after the last allowed failure, until the window that began with the first one ends', () => {
    const limiter = createAttemptLimiter({ attempts: 3, windowMs: 1000, maxKeys: 10 })
    for (const ms of [0, 100, 200]) {
      expect(limiter.waitMs('a', at(ms))).toBe(0)
      limiter.failed('a', at(ms))
    }
    expect(limiter.waitMs('a', at(300))).toBe(700)
    expect(limiter.waitMs('b', at(300))).toBe(0)
    expect(limiter.waitMs('a', at(1000))).toBe(0)
  })

  test('a success forgets the failures', () => {
    const limiter = createAttemptLimiter({ attempts: 1, windowMs: 1000, maxKeys: 10 })
    limiter.failed('a', at(0))
    limiter.succeeded('a')
    expect(limiter.waitMs('a', at(1))).toBe(0)
  })

  test('remembers no more keys than its bound, and forgets the oldest first', () => {
    const limiter = createAttemptLimiter({ attempts: 1, windowMs: 1000, maxKeys: 2 })
    for (const key of ['a', 'b', 'c']) limiter.failed(key, at(0))
    expect(limiter.waitMs('a', at(1))).toBe(0)
    expect(limiter.waitMs('b', at(1))).toBe(999)
    expect(limiter.waitMs('c', at(1))).toBe(999)
  })
})
