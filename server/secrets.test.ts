import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { scratchFolder } from '../test/support/scratch-folder.ts'
import { createSecretBox, EnvelopeDamaged, readOrMakeSecret, SealedWithOtherSecret } from './secrets.ts'

const secret = 'correct horse battery staple, with more'
const box = createSecretBox(secret)
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('the envelope', () => {
  test('opens what it sealed, whatever the name and the content', () => {
    fc.assert(
      fc.property(fc.string(), fc.uint8Array({ maxLength: 500 }), (name, content) => {
        expect(box.open(name, box.seal(name, content))).toEqual(content)
      }),
    )
  })

  test('refuses any flipped bit', () => {
    const envelope = box.seal('ca', bytes('private key'))
    fc.assert(
      fc.property(fc.nat(envelope.length * 8 - 1), (bit) => {
        const changed = Uint8Array.from(envelope)
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        expect(() => box.open('ca', changed)).toThrow()
      }),
    )
  })

  test('refuses any shortened envelope and any leftover', () => {
    const envelope = box.seal('ca', bytes('private key'))
    for (let length = 0; length < envelope.length; length++)
      expect(() => box.open('ca', envelope.subarray(0, length))).toThrow(EnvelopeDamaged)
    expect(() => box.open('ca', Uint8Array.of(...envelope, 0))).toThrow(EnvelopeDamaged)
  })

  test('refuses an envelope that was moved to another name', () => {
    expect(() => box.open('push', box.seal('ca', bytes('x')))).toThrow(EnvelopeDamaged)
  })

  test('refuses an unknown version', () => {
    const envelope = box.seal('ca', bytes('x'))
    envelope[0] = 2
    expect(() => box.open('ca', envelope)).toThrow(/version 2/)
  })

  test('never has the same bytes twice', () => {
    expect(box.seal('ca', bytes('x'))).not.toEqual(box.seal('ca', bytes('x')))
  })

  // Computed with Python's `cryptography` 48.0.0 (HKDF-SHA-256, AES-GCM) from the layout described in secrets.ts, 2026-11-21.
  test('keeps its bytes from version to version', () => {
    const fixed = createSecretBox(secret, [], (size) => new Uint8Array(size).fill(7))
    const envelope = '01f70080a221c1b34e070707070707070707070707deb4091693f21d4097eb1b300958e7e275e848d0adc20c5f83695be2'
    expect(Buffer.from(fixed.seal('log', bytes('known answer'))).toString('hex')).toBe(envelope)
    expect(box.open('log', Buffer.from(envelope, 'hex'))).toEqual(bytes('known answer'))
  })
})

describe('rotation', () => {
  const old = createSecretBox('the secret of last year, long enough')
  const rotated = createSecretBox(secret, ['the secret of last year, long enough'])

  test('an old envelope opens with the previous secret, and is rewrapped under the new one', () => {
    const envelope = old.seal('ca', bytes('private key'))
    expect(rotated.isCurrent(envelope)).toBe(false)
    expect(rotated.open('ca', envelope)).toEqual(bytes('private key'))
    const renewed = rotated.rewrap('ca', envelope)
    expect(rotated.isCurrent(renewed)).toBe(true)
    expect(createSecretBox(secret).open('ca', renewed)).toEqual(bytes('private key'))
    expect(() => old.open('ca', renewed)).toThrow(SealedWithOtherSecret)
  })

  test('without the previous secret the refusal says so', () => {
    expect(() => createSecretBox(secret).open('ca', old.seal('ca', bytes('x')))).toThrow(/another ESPALIER_SECRET/)
  })
})

describe('the generated secret', () => {
  test('is made once, only its owner can read it, and it stays', () => {
    const dir = scratchFolder()
    const made = readOrMakeSecret(dir)
    expect(made).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(statSync(join(dir, 'secret')).mode & 0o777).toBe(0o600)
    expect(readOrMakeSecret(dir)).toBe(made)
    expect(readFileSync(join(dir, 'secret'), 'utf8')).toBe(made)
  })

  test('a file that was emptied is not taken for a secret', () => {
    const dir = scratchFolder()
    writeFileSync(join(dir, 'secret'), '')
    expect(() => readOrMakeSecret(dir)).toThrow(/too short/)
  })
})
