import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { scratchFolder } from '../../test/support/scratch-folder.ts'
import { AdeFault } from './ade-fault.ts'
import { openServerToken } from './server-token.ts'
import { createTokenKey, type TokenKey } from './token-key.ts'

const NOW = new Date('2026-11-21T12:00:00Z')
const MESSAGE = {
  consumer_key: 'CK_0123',
  consumer_secret: 'CS_4567',
  access_token: 'AT_89ab',
  access_secret: 'AS_cdef',
  access_token_expiry: '2027-11-20T09:00:00Z',
}
let key: TokenKey
let other: TokenKey
beforeAll(async () => {
  key = await createTokenKey({ organization: 'Example', now: NOW })
  other = await createTokenKey({ organization: 'Example', now: NOW })
})

/** The file as Apple Business makes it, by OpenSSL. */
function tokenFile(options: { to?: TokenKey; text?: string; cipher?: string; form?: 'SMIME' | 'DER' } = {}): Uint8Array {
  const folder = scratchFolder()
  const text = options.text ?? mime(`-----BEGIN MESSAGE-----\n${JSON.stringify(MESSAGE)}\n-----END MESSAGE-----\n`)
  writeFileSync(join(folder, 'text'), text)
  writeFileSync(join(folder, 'to.pem'), (options.to ?? key).certificatePem)
  const form = options.form ?? 'SMIME'
  const stream = form === 'SMIME' ? ['-stream'] : []
  const args = ['smime', '-encrypt', `-${options.cipher ?? 'aes256'}`, '-in', join(folder, 'text'), '-outform', form, ...stream]
  return new Uint8Array(execFileSync('openssl', [...args, join(folder, 'to.pem')]))
}

const mime = (body: string): string => `Content-Type: text/plain;charset=UTF-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n${body}`

const codeOf = (file: Uint8Array, now = NOW): string => {
  try {
    openServerToken(file, key, now)
    return 'opened'
  } catch (error) {
    if (error instanceof AdeFault) return error.code
    throw error
  }
}

test.each([
  ['S/MIME with BER of indefinite length, as Apple writes it', { form: 'SMIME' }],
  ['S/MIME under 3DES, as Apple wrote it', { form: 'SMIME', cipher: 'des3' }],
  ['the bare DER', { form: 'DER' }],
] as const)('opens a token file: %s', (_, options) => {
  expect(openServerToken(tokenFile(options), key, NOW)).toEqual({
    consumerKey: 'CK_0123',
    consumerSecret: 'CS_4567',
    accessToken: 'AT_89ab',
    accessSecret: 'AS_cdef',
    expiresAt: new Date(MESSAGE.access_token_expiry),
  })
})

test('refuses a token made for another key, and says so', () => {
  expect(codeOf(tokenFile({ to: other }))).toBe('TOKEN_FOR_OTHER_KEY')
})
test('refuses a token that has expired', () => {
  expect(codeOf(tokenFile(), new Date('2027-11-20T09:00:00Z'))).toBe('TOKEN_EXPIRED')
})
test('refuses a token that leaves a secret out', () => {
  const { access_secret: _, ...rest } = MESSAGE
  expect(codeOf(tokenFile({ text: mime(`-----BEGIN MESSAGE-----\n${JSON.stringify(rest)}\n-----END MESSAGE-----`) }))).toBe(
    'TOKEN_INCOMPLETE',
  )
})
test('refuses a message that is no JSON, and a text without a message', () => {
  expect(codeOf(tokenFile({ text: mime('-----BEGIN MESSAGE-----\nx\n-----END MESSAGE-----') }))).toBe('TOKEN_FILE_MALFORMED')
  expect(codeOf(tokenFile({ text: mime('hello') }))).toBe('TOKEN_FILE_MALFORMED')
})
test.each([
  ['nothing', new Uint8Array()],
  ['words', new TextEncoder().encode('not a token')],
  ['a sequence of nothing', Uint8Array.of(0x30, 0x00)],
  ['a huge file', new Uint8Array(65 * 1024).fill(0x30)],
])('refuses %s as malformed', (_, file) => {
  expect(codeOf(file)).toBe('TOKEN_FILE_MALFORMED')
})
test('never fails otherwise than by a code, whatever byte is turned', () => {
  const file = tokenFile({ form: 'DER' })
  for (let at = 0; at < file.length; at += 7) {
    const turned = file.slice()
    turned[at] = (turned[at] as number) ^ 0x41
    expect(codeOf(turned)).toMatch(/^(TOKEN_|opened)/)
  }
})
