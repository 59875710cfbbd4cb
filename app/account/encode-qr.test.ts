import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { encodeQr } from './encode-qr.ts'

const drawn = (text: string): string =>
  encodeQr(text)
    .map((row) => row.map((isDark) => (isDark ? '1' : '0')).join(''))
    .join('\n')

// Made here, then compared module by module with npm’s qrcode 1.5.4 and read back by jsqr 1.4.0 (2026-11-21), as were 54 texts
// of 1 to 213 bytes, so every version from 1 to 10.
test.each([
  [21, 'e8ab680854e4019c4ac89bd0e19dfe1f7e967f3cafd048091b3e3ec474b6f431', 'a'],
  [
    41,
    'be4969b5c2ae3bafe65245ab2d63b375c6578efb5ab8817e3c8e7b1f34eb955a',
    'otpauth://totp/Espalier:ada%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Espalier',
  ],
  [57, '5345c8b263548ac9034e9756484da1a4ab5597cfdf521ece9292c761c0e75fcb', 'é'.repeat(100)],
])('a code of %i modules a side is what other programs draw', (size, digest, text) => {
  expect(encodeQr(text)).toHaveLength(size)
  expect(createHash('sha256').update(drawn(text)).digest('hex')).toBe(digest)
})

test('takes 213 bytes, the longest address of an app being shorter, and refuses more', () => {
  expect(encodeQr('x'.repeat(213))).toHaveLength(57)
  expect(() => encodeQr('x'.repeat(214))).toThrow(RangeError)
})
