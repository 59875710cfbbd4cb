import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hashApiKey, isWellFormedApiKey, newApiKey, shownPrefix } from './api-key-format.ts'

describe('API keys', () => {
  test('a new key has its shape, a right checksum and only characters that need no quoting', () => {
    const key = newApiKey()
    expect(key).toMatch(/^esp_[0-9A-Za-z]{46}$/)
    expect(isWellFormedApiKey(key)).toBe(true)
    expect(shownPrefix(key)).toBe(key.slice(0, 10))
    expect(hashApiKey(key)).toHaveLength(32)
  })

  test('any one changed character is noticed', () => {
    const alphabet = [...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz']
    fc.assert(
      fc.property(fc.integer({ min: 4, max: 49 }), fc.constantFrom(...alphabet), (position, character) => {
        const key = newApiKey()
        fc.pre(key[position] !== character)
        return !isWellFormedApiKey(key.slice(0, position) + character + key.slice(position + 1))
      }),
    )
  })

  test('a truncated, lengthened or foreign key is refused', () => {
    const key = newApiKey()
    for (const other of ['', 'esp_', key.slice(0, -1), `${key}0`, key.replace('esp_', 'sk-_'), ` ${key}`]) {
      expect(isWellFormedApiKey(other)).toBe(false)
    }
  })

  test('biased bytes are dropped: 248 to 255 never become a character', () => {
    let call = 0
    const random = (length: number) => new Uint8Array(length).fill(call++ === 0 ? 255 : 61)
    expect(newApiKey(random).slice(4, 44)).toBe('z'.repeat(40))
  })
})
