import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chooseTarget, DEFAULT_RULES, decideStep, RINGS, type Rollout, type RolloutHealth } from './rollout.ts'

const NOW = new Date('2026-11-21T12:00:00Z')
const HOUR_MS = 3600_000
const rolling = (changes: Partial<Rollout> = {}): Rollout => ({
  state: 'rolling',
  ring: 'canary',
  ringSince: new Date(NOW.getTime() - 2 * HOUR_MS),
  ...changes,
})
const HEALTHY: RolloutHealth = { reached: 10, present: 10, updated: 10, updatedRoutable: 10, baselineShare: 1, failed: 0 }
const step = (rollout: Rollout, health: Partial<RolloutHealth> = {}) => decideStep(rollout, { ...HEALTHY, ...health }, DEFAULT_RULES, NOW)

describe('a roll-out', () => {
  test('goes on to the next ring when its ring is updated, healthy and watched for long enough', () => {
    expect(step(rolling())).toEqual({ step: 'advance', to: 'early' })
    expect(step(rolling({ ring: 'early', ringSince: new Date(NOW.getTime() - 5 * HOUR_MS) }))).toEqual({ step: 'advance', to: 'all' })
  })
  test('is complete after the last ring', () => {
    expect(step(rolling({ ring: 'all', ringSince: new Date(NOW.getTime() - 25 * HOUR_MS) }))).toEqual({ step: 'complete' })
  })
  test('waits for Macs that have not updated', () => {
    expect(step(rolling(), { updated: 7, updatedRoutable: 7 })).toEqual({ step: 'wait', because: '2 more Macs must have updated.' })
  })
  test('waits until its ring has been watched', () => {
    const just = rolling({ ringSince: new Date(NOW.getTime() - 30 * 60_000) })
    expect(step(just)).toEqual({ step: 'wait', because: 'Ring “canary” is watched for 30 minutes more.' })
  })
  test('waits while nobody of the ring is here', () => {
    expect(step(rolling(), { present: 0, updated: 0, updatedRoutable: 0 })).toMatchObject({ step: 'wait' })
  })
  test('stops by itself when the routable share of its Macs falls', () => {
    expect(step(rolling(), { updatedRoutable: 7 })).toEqual({
      step: 'pause',
      because: 'Only 70 % of the 10 updated Macs are routable; before it was 100 %.',
    })
  })
  test('does not blame the release for Macs that were not routable before', () => {
    expect(step(rolling(), { updatedRoutable: 7, baselineShare: 0.7 })).toEqual({ step: 'advance', to: 'early' })
  })
  test('stops when too many Macs could not install it, even before one has updated', () => {
    expect(step(rolling(), { updated: 0, updatedRoutable: 0, failed: 3 })).toEqual({
      step: 'pause',
      because: '3 of 10 Macs could not install it.',
    })
  })
  test.each(['draft', 'paused', 'complete', 'withdrawn'] as const)('takes no step by itself when it is %s', (state) => {
    expect(step(rolling({ state }), { updatedRoutable: 0 }).step).toBe('wait')
  })
})

const health = fc
  .record({
    reached: fc.nat(500),
    presentShare: fc.double({ min: 0, max: 1, noNaN: true }),
    updatedShare: fc.double({ min: 0, max: 1, noNaN: true }),
    routableShare: fc.double({ min: 0, max: 1, noNaN: true }),
    baselineShare: fc.double({ min: 0, max: 1, noNaN: true }),
    failed: fc.nat(500),
  })
  .map(({ reached, presentShare, updatedShare, routableShare, baselineShare, failed }): RolloutHealth => {
    const present = Math.floor(reached * presentShare)
    const updated = Math.floor(present * updatedShare)
    return {
      reached,
      present,
      updated,
      updatedRoutable: Math.floor(updated * routableShare),
      baselineShare,
      failed: Math.min(failed, reached),
    }
  })

test('no roll-out widens while the share of its routable Macs has fallen too far, whatever else is so', () => {
  fc.assert(
    fc.property(health, fc.constantFrom(...RINGS), fc.nat(100 * HOUR_MS), (seen, ring, age) => {
      const decided = decideStep(rolling({ ring, ringSince: new Date(NOW.getTime() - age) }), seen, DEFAULT_RULES, NOW)
      const hasFallen = seen.updated > 0 && seen.updatedRoutable / seen.updated < seen.baselineShare - DEFAULT_RULES.maxFall
      if (hasFallen) expect(decided.step).toBe('pause')
      if (decided.step === 'advance' || decided.step === 'complete') {
        expect(age).toBeGreaterThanOrEqual(DEFAULT_RULES.soakMs[ring])
        expect(seen.updated).toBeGreaterThan(0)
      }
    }),
    { numRuns: 2000 },
  )
})

describe('the release that a Mac should run', () => {
  const complete = { ...rolling({ state: 'complete', ring: 'all' }), id: 'old' }
  test('is the newest that reaches its ring', () => {
    const releases = [{ ...rolling({ ring: 'early' }), id: 'new' }, complete]
    expect(RINGS.map((ring) => chooseTarget(ring, releases))).toEqual(['new', 'new', 'old'])
  })
  test('two may roll at once', () => {
    const releases = [{ ...rolling({ ring: 'canary' }), id: 'newest' }, { ...rolling({ ring: 'all' }), id: 'newer' }, complete]
    expect(RINGS.map((ring) => chooseTarget(ring, releases))).toEqual(['newest', 'newer', 'newer'])
  })
  test.each(['paused', 'withdrawn', 'draft'] as const)('is never one that is %s', (state) => {
    expect(chooseTarget('canary', [{ ...rolling({ state }), id: 'new' }, complete])).toBe('old')
    expect(chooseTarget('canary', [{ ...rolling({ state }), id: 'new' }])).toBeUndefined()
  })
})
