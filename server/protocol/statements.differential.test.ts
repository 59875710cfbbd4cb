import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { p256 } from '@noble/curves/nist.js'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat, fromHex, hex } from './bytes.ts'
import { p256Point, statement, verifyStatement } from './statements.ts'

/** Node (OpenSSL) verifies in the product; noble, which shares no line with it, must always say the same. */

const KEYS = Array.from({ length: 4 }, () => generateKeyPairSync('ec', { namedCurve: 'P-256' }))
const order = p256.Point.CURVE().n
const number = (value: bigint): Uint8Array => fromHex(value.toString(16).padStart(64, '0')) as Uint8Array
const EDGES = [0n, 1n, 2n, order - 1n, order, order + 1n, order >> 1n, 2n ** 256n - 1n].map(number)

const spkiOf = (key: (typeof KEYS)[number]): Uint8Array => new Uint8Array(key.publicKey.export({ type: 'spki', format: 'der' }))

function noble(spki: Uint8Array, body: Uint8Array, signature: Uint8Array): boolean {
  try {
    return p256.verify(signature, statement('challenge', body), spki.subarray(26), { lowS: false, prehash: true })
  } catch {
    return false
  }
}

type Change = 'none' | 'mirror S' | 'flip a bit' | 'edge R' | 'edge S' | 'swap' | 'other key' | 'other body' | 'cut' | 'noise'
const CHANGES: Change[] = ['none', 'mirror S', 'flip a bit', 'edge R', 'edge S', 'swap', 'other key', 'other body', 'cut', 'noise']

function spoil(change: Change, signature: Uint8Array, at: number, noise: Uint8Array): Uint8Array {
  const [r, s] = [signature.slice(0, 32), signature.slice(32)]
  const edge = EDGES[at % EDGES.length] as Uint8Array
  switch (change) {
    case 'mirror S':
      return concat(r, number(order - BigInt(`0x${hex(s)}`)))
    case 'flip a bit': {
      const flipped = signature.slice()
      flipped[(at >> 3) % 64] = (flipped[(at >> 3) % 64] as number) ^ (1 << (at & 7))
      return flipped
    }
    case 'edge R':
      return concat(edge, s)
    case 'edge S':
      return concat(r, edge)
    case 'swap':
      return concat(s, r)
    case 'cut':
      return signature.slice(0, at % 64)
    case 'noise':
      return noise
    default:
      return signature
  }
}

test('a second implementation agrees on every signature, whole, mirrored or spoilt', () => {
  const seen = new Map<string, number>()
  const inputs = fc.record({
    signer: fc.nat(3),
    body: fc.uint8Array({ maxLength: 300 }),
    change: fc.constantFrom(...CHANGES),
    at: fc.nat(511),
    noise: fc.uint8Array({ minLength: 64, maxLength: 64 }),
  })
  fc.assert(
    fc.property(inputs, ({ signer, body, change, at, noise }) => {
      const key = KEYS[signer] as (typeof KEYS)[number]
      const made = new Uint8Array(sign('sha256', statement('challenge', body), { key: key.privateKey, dsaEncoding: 'ieee-p1363' }))
      const signature = spoil(change, made, at, noise)
      const spki = spkiOf(change === 'other key' ? (KEYS[(signer + 1) % 4] as (typeof KEYS)[number]) : key)
      const judged = change === 'other body' ? concat(body, Uint8Array.of(0)) : body
      const isValid = verifyStatement({ spki, purpose: 'challenge', body: judged, signature })
      expect(isValid).toBe(noble(spki, judged, signature))
      expect(isValid).toBe(change === 'none' || change === 'mirror S')
      seen.set(change, (seen.get(change) ?? 0) + 1)
    }),
    { numRuns: 600 },
  )
  expect(seen.size).toBe(CHANGES.length)
})

test('Node takes as a key exactly what p256Point takes, among keys of our one form', () => {
  const isKey = (spki: Uint8Array): boolean => {
    try {
      return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }).asymmetricKeyDetails?.namedCurve === 'prime256v1'
    } catch {
      return false
    }
  }
  fc.assert(
    fc.property(fc.nat(3), fc.nat(511), fc.boolean(), (signer, bit, isSpoilt) => {
      const spki = spkiOf(KEYS[signer] as (typeof KEYS)[number])
      const at = 27 + (bit >> 3)
      if (isSpoilt) spki[at] = (spki[at] as number) ^ (1 << (bit & 7))
      expect(p256Point(spki) !== undefined).toBe(isKey(spki))
      expect(isKey(spki)).toBe(!isSpoilt)
    }),
    { numRuns: 200 },
  )
})
