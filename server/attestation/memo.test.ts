import { expect, test } from 'vitest'
import { createMemo } from './memo.ts'

const bytes = (...values: number[]) => [Uint8Array.from(values)]

test('answers from memory, by the bytes alone', () => {
  const memo = createMemo<number>(2)
  expect(memo(bytes(1, 2), () => 1)).toBe(1)
  expect(memo(bytes(1, 2), () => 2)).toBe(1)
  expect(memo([Uint8Array.of(1), Uint8Array.of(2)], () => 3)).toBe(3)
})

test('remembers an answer that is undefined', () => {
  const memo = createMemo<number | undefined>(2)
  expect(memo(bytes(1), () => undefined)).toBeUndefined()
  expect(memo(bytes(1), () => 1)).toBeUndefined()
})

test('forgets the least recently used answer at its bound', () => {
  const memo = createMemo<string>(2)
  memo(bytes(1), () => 'first')
  memo(bytes(2), () => 'second')
  memo(bytes(1), () => 'unused')
  memo(bytes(3), () => 'third')
  expect(memo(bytes(1), () => 'again')).toBe('first')
  expect(memo(bytes(2), () => 'again')).toBe('again')
})
