import { describe, expect, test } from 'vitest'
import { fuzz } from './fuzz.ts'
import { mutate } from './mutate.ts'
import { mutateDer } from './mutate-der.ts'
import { createRandom } from './random.ts'
import { one, same } from './target.ts'
import { TARGETS } from './targets.ts'
import { TARGETS as PLANTED } from './testing/planted.ts'
import { fuzzWatched } from './watched.ts'

/** Half a second each: what breaks here was broken lately. Long runs are `node test/fuzz/run.ts`. */
const SECONDS = 0.5

describe('for a moment', () => {
  test.each(TARGETS.map((target) => [target.name, target] as const))('%s keeps its laws', { timeout: 60_000 }, async (_, target) => {
    const { executions, failures } = await fuzz(target, { seed: 'continuous integration', seconds: SECONDS })
    expect(failures.map(({ message, input }) => `${message} ${input.map((part) => Buffer.from(part).toString('base64'))}`)).toEqual([])
    expect(executions).toBeGreaterThan(0)
  })
})

describe('a fault that was planted is found, with the input that shows it:', () => {
  const targets = new URL('./testing/planted.ts', import.meta.url).href
  const run = (target: string, silenceMs = 20_000) =>
    fuzzWatched({ target, seed: 'planted', seconds: 5, silenceMs, heapMebibytes: 64, targets })

  test('none in a sound parser', async () => {
    const found = await fuzzWatched({ target: 'sound', seed: 'planted', seconds: 0.5, targets })
    expect(found).toMatchObject({ failures: [], seeds: 1, outcomes: expect.arrayContaining([['length 0', expect.any(Number)]]) })
    expect(found.corpus).toBe(8)
  }, 30_000)
  test.each([
    ['throws', /^RangeError: a fault of its own \(.*planted/],
    ['breaks-a-law', /^Broken: no input is longer than twenty$/],
    ['is-slow', /^an input takes more than 250 ms$/],
  ])(
    '%s',
    async (name, message) => {
      const target = PLANTED.find((planted) => planted.name === name)
      if (target === undefined) throw new Error('no such target')
      const { failures } = await fuzz(target, { seed: 'planted', seconds: 1 })
      expect(failures.map((failure) => failure.message)).toEqual([expect.stringMatching(message)])
      expect(failures[0]?.input).toHaveLength(1)
    },
    30_000,
  )
  test('never-ends', async () => {
    const { failures } = await run('never-ends', 3000)
    expect(failures).toEqual([{ target: 'never-ends', message: expect.stringContaining('may never end'), input: [expect.any(Uint8Array)] }])
    expect(failures[0]?.input[0]?.length).toBeGreaterThan(40)
  }, 60_000)
  test('fills-the-heap', async () => {
    const { failures } = await run('fills-the-heap', 60_000)
    expect(failures[0]?.message).toContain('memory')
    expect(failures[0]?.input[0]?.length).toBeGreaterThan(40)
  }, 90_000)
})

describe('mutations', () => {
  const corpus = [one('{"type":"hello","number":12}'), one('abc')]
  const run = (seed: string) => {
    const random = createRandom(seed)
    const rules = { shape: 'text', words: [Buffer.from('null')], maxBytes: 1024, random } as const
    return Array.from({ length: 200 }, () => Buffer.from(mutate(random.pick(corpus), corpus, rules)[0] ?? []).toString('hex'))
  }

  test('are the same for the same seed, and others for another', () => {
    expect(run('a')).toEqual(run('a'))
    expect(run('a')).not.toEqual(run('b'))
    expect(new Set(run('a')).size).toBeGreaterThan(150)
    expect(run('a').every((text) => text.length <= 2048)).toBe(true)
  })

  test('of DER keep every length above the change right', () => {
    const random = createRandom('der')
    const der = new Uint8Array(Buffer.from('300c0603550403300530030201050500', 'hex').subarray(0, 14))
    const mutants = Array.from({ length: 300 }, () => mutateDer(der, { random, donor: () => der }))
    const changed = mutants.filter((mutant) => !same(mutant, der))
    expect(changed.length).toBeGreaterThan(200)
    const isWhole = (bytes: Uint8Array) => bytes.length === 0 || (bytes[1] ?? 0) >= 0x80 || (bytes[1] ?? 0) + 2 === bytes.length
    expect(changed.every(isWhole)).toBe(true)
  })
})
