import { expect, test } from 'vitest'
import { parseFleetOptions } from './options.ts'
import { createTally } from './tally.ts'

test('counts what began, and the most of it that was ever under way since the peaks were forgotten', () => {
  const tally = createTally()
  const ends = [tally.begin('order'), tally.begin('order'), tally.begin('order')]
  ends[0]?.()
  ends[0]?.()
  expect([tally.counted('order'), tally.peak('order')]).toEqual([3, 3])
  tally.forgetPeaks()
  expect(tally.peak('order')).toBe(2)
  tally.begin('order')()
  expect([tally.counted('order'), tally.peak('order'), tally.peak('push')]).toEqual([4, 3, 0])
})

test('the flags of the fleet say what was meant, or what is wrong with them', () => {
  expect(parseFleetOptions(['--macs', '5000', '--outages', '0,75', '--no-refresh'])).toMatchObject({
    ...{ macs: 5000, outages: [0, 75], refresh: false, reattestConcurrency: 32 },
  })
  expect(parseFleetOptions(['--outages', '']).outages).toEqual([])
  expect(() => parseFleetOptions(['--macs', 'many'])).toThrow('--macs takes whole numbers from 1 on')
})
