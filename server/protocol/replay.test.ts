import fc from 'fast-check'
import { expect, test } from 'vitest'
import { u64 } from './bytes.ts'
import { randomBytes } from './ids.ts'
import { createReplayGuard } from './replay.ts'

const NOW = 1_800_000_000_000

test('accepts an encapsulated key once and refuses it ever after, whatever time it then claims', () => {
  const guard = createReplayGuard()
  const enc = randomBytes(32)
  expect(guard.accept(enc, NOW, NOW)).toBe('accepted')
  expect(guard.accept(enc, NOW, NOW)).toBe('replayed')
  const muchLater = NOW + 23 * 3600_000
  expect(guard.accept(enc, muchLater, muchLater)).toBe('replayed')
})

test('refuses what was sealed outside the window, on either side, and does not remember it', () => {
  const guard = createReplayGuard({ windowMs: 120_000 })
  const enc = randomBytes(32)
  expect(guard.accept(enc, NOW - 120_001, NOW)).toBe('stale')
  expect(guard.accept(enc, NOW + 120_001, NOW)).toBe('stale')
  expect(guard.accept(enc, Number.NaN, NOW)).toBe('stale')
  expect(guard.accept(enc, NOW - 120_000, NOW)).toBe('accepted')
  expect(guard.accept(randomBytes(32), NOW + 120_000, NOW)).toBe('accepted')
})

test('refuses everything new when it is full', () => {
  const guard = createReplayGuard({ maxEntries: 2 })
  expect(guard.accept(u64(1), NOW, NOW)).toBe('accepted')
  expect(guard.remaining).toBe(1)
  expect(guard.accept(u64(2), NOW, NOW)).toBe('accepted')
  expect(guard.remaining).toBe(0)
  expect(guard.accept(u64(3), NOW, NOW)).toBe('replayed')
})

test('tells apart any two different encapsulated keys, and takes no notice of the buffer they lie in', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.uint8Array({ minLength: 32, maxLength: 32 }), { comparator: (a, b) => a.join() === b.join() }),
      (encs) => {
        const guard = createReplayGuard()
        const wide = new Uint8Array(40)
        for (const enc of encs) {
          expect(guard.accept(enc, NOW, NOW)).toBe('accepted')
          wide.set(enc, 3)
          expect(guard.accept(wide.subarray(3, 35), NOW, NOW)).toBe('replayed')
        }
      },
    ),
  )
})
