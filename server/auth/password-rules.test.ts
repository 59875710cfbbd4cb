import { describe, expect, test } from 'vitest'
import { assertGoodPassword } from './password-rules.ts'

const person = { email: 'ada.lovelace@example.com', name: 'Ada Lovelace' }
const isGood = (password: string): boolean => {
  try {
    assertGoodPassword(password, person)
    return true
  } catch (error) {
    expect(error).toMatchObject({ code: 'invalid_request', param: 'password' })
    return false
  }
}

describe('a password that someone chooses', () => {
  test('needs twelve characters, counted as people count them', () => {
    expect(isGood('elevenchars')).toBe(false)
    expect(isGood('twelve chars')).toBe(true)
    expect(isGood('🌳🌲🌴🌵🌱🍀🍁🍂🍃🌾🌻')).toBe(false)
  })

  test('is neither the address nor the name, alone or with a little added', () => {
    for (const password of [
      'ada.lovelace@example.com',
      'ADA.LOVELACE@example.com1',
      'Ada Lovelace 1!',
      'ada.lovelace2026',
      'espalierespalier',
    ])
      expect([password, isGood(password)]).toEqual([password, false])
  })

  test('is more than one key held down', () => expect(isGood('aaaaaaaaaaaaaaaabbbb')).toBe(false))

  test('that would be too long to sign in with is refused', () => {
    expect(isGood(`${'correct horse battery staple '.repeat(36)}`)).toBe(false)
    expect(isGood(`${'correct horse battery staple '.repeat(35)}`)).toBe(true)
  })
})
