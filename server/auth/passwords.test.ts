import { describe, expect, test } from 'vitest'
import { hashPassword, verifyPassword } from './passwords.ts'

describe('passwords', () => {
  test('a hash is in PHC form, salted, and matches its password alone', async () => {
    const [first, second] = await Promise.all([hashPassword('correct horse'), hashPassword('correct horse')])
    expect(first).toMatch(/^\$argon2id\$v=19\$m=65536,t=3,p=4\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
    expect(first).not.toBe(second)
    expect(await verifyPassword('correct horse', first)).toBe(true)
    expect(await verifyPassword('correct horsf', first)).toBe(false)
  })

  test('verifies what the reference implementation made', async () => {
    // `echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -l 24` of P-H-C/phc-winner-argon2 (test.c, version 0x13, argon2id).
    const reference = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'
    expect(await verifyPassword('password', reference)).toBe(true)
    expect(await verifyPassword('passwore', reference)).toBe(false)
  })

  test('the same password in composed and decomposed Unicode matches', async () => {
    expect(await verifyPassword('pässword-long', await hashPassword('pässword-long'.normalize('NFD')))).toBe(true)
  })

  test.each([
    '',
    'plain',
    '$argon2i$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    '$argon2id$v=19$m=9999999,t=3,p=4$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    '$argon2id$v=19$m=65536,t=0,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
  ])('a stored string that is not one of ours matches nothing: %j', async (stored) => {
    expect(await verifyPassword('password', stored)).toBe(false)
  })

  test('a password of absurd length is refused without hashing it', async () => {
    expect(await verifyPassword('x'.repeat(2000), await hashPassword('something long'))).toBe(false)
  })
})
