import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hex } from './bytes.ts'
import { DATA_KIND, type DataFrame, decodeDataFrame, encodeDataFrame } from './data-frames.ts'
import { newId, type RequestId } from './ids.ts'

const frames: fc.Arbitrary<DataFrame> = fc.record({
  kind: fc.constantFrom(DATA_KIND.requestChunk, DATA_KIND.responseChunk),
  request: fc.string({ unit: fc.constantFrom(...'09az'), minLength: 16, maxLength: 32 }).map((tail) => `req_${tail}` as RequestId),
  sequence: fc.nat({ max: 0xffff_ffff }),
  final: fc.boolean(),
  ciphertext: fc.uint8Array({ maxLength: 100 }),
})

describe('a data frame', () => {
  test('decodes to what was encoded, wherever it lies in a buffer', () => {
    fc.assert(
      fc.property(frames, fc.nat(8), (frame, offset) => {
        const encoded = encodeDataFrame(frame)
        const wide = new Uint8Array(encoded.length + 16)
        wide.set(encoded, offset)
        expect(decodeDataFrame(wide.subarray(offset, offset + encoded.length))).toEqual(frame)
      }),
    )
  })

  test('has exactly these bytes', () => {
    const request = 'req_0123456789abcdef' as RequestId
    const encoded = encodeDataFrame({ kind: 2, request, sequence: 258, final: true, ciphertext: Uint8Array.of(7) })
    expect(hex(encoded)).toBe(`020114${Buffer.from(request).toString('hex')}0000010207`)
  })

  test('never throws on any bytes, and what it takes has one encoding', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const frame = decodeDataFrame(bytes)
        if (frame !== undefined) expect(encodeDataFrame(frame)).toEqual(bytes)
      }),
      { numRuns: 2000 },
    )
  })

  test('cut short within its head, or with one head byte changed, is refused or reads differently', () => {
    fc.assert(
      fc.property(frames, fc.nat(), fc.integer({ min: 1, max: 255 }), (frame, at, change) => {
        const encoded = encodeDataFrame(frame)
        const headLength = encoded.length - frame.ciphertext.length
        expect(decodeDataFrame(encoded.subarray(0, at % headLength))).toBeUndefined()
        const changed = encoded.slice()
        changed[at % headLength] = (changed[at % headLength] as number) ^ change
        expect(decodeDataFrame(changed)).not.toEqual(frame)
      }),
    )
  })

  const good = encodeDataFrame({ kind: 1, request: newId<RequestId>('req'), sequence: 0, final: false, ciphertext: new Uint8Array(16) })
  const refusals: [string, (bytes: Uint8Array) => void][] = [
    ['an unknown kind', (bytes) => bytes.fill(3, 0, 1)],
    ['an unknown flag', (bytes) => bytes.fill(2, 1, 2)],
    ['an id length beyond the limit', (bytes) => bytes.fill(65, 2, 3)],
    ['an id of another kind', (bytes) => bytes.set(Buffer.from('mac_'), 3)],
    ['an id with a letter outside its alphabet', (bytes) => bytes.fill(0xc3, 8, 9)],
  ]
  test.each(refusals)('with %s is refused', (_, spoil) => {
    const bytes = good.slice()
    expect(decodeDataFrame(bytes)).toBeDefined()
    spoil(bytes)
    expect(decodeDataFrame(bytes)).toBeUndefined()
  })
})
