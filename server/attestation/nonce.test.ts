import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat } from '#protocol/bytes'
import { attestationNonce, statement } from '#protocol/statements'
import { agentKey, ago, ENROLLMENT, MAC, preimage } from '../../test/support/trust-evidence.ts'
import { readNoncePreimage } from './nonce.ts'

test('reads back what a nonce commits to', () => {
  const bytes = preimage({ issuedAt: ago(1000) })
  expect(readNoncePreimage(bytes)).toEqual({
    nonce: attestationNonce(bytes),
    preimage: bytes,
    mac: MAC,
    enrollmentId: ENROLLMENT,
    agentKey: new Uint8Array(agentKey),
    issuedAt: ago(1000),
  })
})

test('refuses another purpose, leftovers, and what is cut off', () => {
  const bytes = preimage()
  expect(readNoncePreimage(statement('bind', bytes.subarray(bytes.indexOf(0) + 1)))).toBeUndefined()
  expect(readNoncePreimage(concat(bytes, Uint8Array.of(0)))).toBeUndefined()
  expect(readNoncePreimage(bytes.subarray(0, -1))).toBeUndefined()
})

test('any changed byte is another commitment or none', () => {
  const bytes = preimage()
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = Uint8Array.from(bytes)
      changed[at] = (changed[at] as number) ^ change
      const read = readNoncePreimage(changed)
      return read === undefined || !Buffer.from(read.nonce).equals(attestationNonce(bytes))
    }),
  )
})

test('never throws', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => readNoncePreimage(bytes) === undefined))
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (body) => readNoncePreimage(statement('attestation-nonce', body)) === undefined))
})
