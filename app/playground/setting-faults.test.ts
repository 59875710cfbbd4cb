import { expect, test } from 'vitest'
import { faultsOf } from './setting-faults.ts'

test('values at their limits and empty fields may be sent', () => {
  for (const settings of [
    { temperature: 0, maxTokens: 1 },
    { temperature: 2, maxTokens: 32_768 },
    { temperature: undefined, maxTokens: undefined },
  ])
    expect(faultsOf(settings)).toEqual({})
})

test('a value outside its limits is named as the fault of its own field', () => {
  for (const temperature of [-0.1, 2.1]) expect(Object.keys(faultsOf({ temperature, maxTokens: 256 }))).toEqual(['temperature'])
  for (const maxTokens of [0, 1.5, 32_769]) expect(Object.keys(faultsOf({ temperature: 0.7, maxTokens }))).toEqual(['maxTokens'])
})
