import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { generate } from './generate.ts'
import { judge } from './judge.ts'
import { asTable, optionsOf, runCases, writeCases } from './suite.ts'
import { commandTool, espalier, inProcess } from './tools.ts'

let folder: string
let written: Awaited<ReturnType<typeof writeCases>>
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mda-conformance-test-'))
  written = await writeCases(folder)
}, 120_000)
afterAll(() => rm(folder, { recursive: true }))

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const file = (id: string) => join(folder, `${id}.bin`)

test('there are at least 250 deviations, each a file of its own', () => {
  const deviating = written.cases.filter(({ expected }) => expected.exit !== 0)
  expect(deviating.length).toBeGreaterThanOrEqual(250)
  expect(new Set(written.cases.map(({ id }) => id)).size).toBe(written.cases.length)
  // Where a few look alike, the question that is asked of them differs.
  const distinct = new Set(written.cases.map(({ bytes, args }) => `${digest(bytes)} ${args.join(' ')}`))
  expect(distinct.size).toBe(written.cases.length)
})

test('the same seed makes the same bytes, another seed others', () => {
  const digests = (seed?: string) => generate(seed).cases.map(({ bytes }) => digest(bytes))
  expect(digests()).toEqual(written.cases.map(({ bytes }) => digest(bytes)))
  const other = digests('another seed')
  expect(other.filter((one, index) => one !== digest(written.cases[index]?.bytes ?? new Uint8Array())).length).toBeGreaterThan(500)
}, 120_000)

test('espalier attest inspect answers every one as it should', async () => {
  const results = await runCases({ folder, ...written, ask: (path, options) => inProcess([path, ...options]) })
  expect(asTable(results.filter(({ ok }) => !ok))).not.toContain('WRONG')
  expect(results).toHaveLength(written.cases.length)
}, 120_000)

test('under another seed as well', async () => {
  const elsewhere = join(folder, 'other')
  const other = await writeCases(elsewhere, 'another seed')
  const results = await runCases({ folder: elsewhere, ...other, ask: (path, options) => inProcess([path, ...options]) })
  expect(asTable(results.filter(({ ok }) => !ok))).not.toContain('WRONG')
}, 120_000)

describe('as a program of its own', () => {
  test('one case of each group answers the same', async () => {
    const sample = [...new Map(written.cases.map((one) => [one.group, one])).values()]
    const results = await runCases({ folder, root: written.root, cases: sample, ask: (path, options) => espalier([path, ...options]) })
    expect(asTable(results.filter(({ ok }) => !ok))).not.toContain('WRONG')
    expect(sample).toHaveLength(10)
  }, 120_000)

  test('a command line is held to the same, and one that answers otherwise is found out', async () => {
    const one = written.cases.find(({ id }) => id === 'properties-001')
    if (one === undefined) throw new Error('no such case')
    const ask = commandTool(`${process.execPath} deploy/espalier.mjs attest inspect {file} {args}`)
    expect(judge(one, await ask(file(one.id), optionsOf(one, written.root)), 0).ok).toBe(true)
    const credulous = commandTool(`${process.execPath} -e "console.log('{}')" {file}`)
    expect(judge(one, await credulous(file(one.id), []), 0)).toMatchObject({ ok: false, expected: '10 SERIAL_MISSING', found: '0' })
    const broken = commandTool('no-such-program-of-anybody {file}')
    expect(judge(one, await broken(file(one.id), []), 0)).toMatchObject({ ok: false, found: 'killed, and no JSON' })
    expect(() => commandTool('tool')).toThrow(TypeError)
  }, 120_000)
})

test('a reason too many, one too few, or a wrong exit status is no match', () => {
  const one = written.cases.find(({ id }) => id === 'properties-003')
  if (one === undefined) throw new Error('no such case')
  const answer = (exit: number, ...codes: string[]) =>
    judge(one, { exit, output: JSON.stringify({ reasons: codes.map((code) => ({ code })) }) }, 0).ok
  expect(answer(10, 'SERIAL_MISSING', 'EXT_DUPLICATE')).toBe(true)
  expect(answer(10, 'EXT_DUPLICATE', 'SERIAL_MISSING', 'SERIAL_MISSING')).toBe(true)
  expect(answer(10, 'EXT_DUPLICATE')).toBe(false)
  expect(answer(10, 'EXT_DUPLICATE', 'SERIAL_MISSING', 'SIP_UNKNOWN')).toBe(false)
  expect(answer(0, 'SERIAL_MISSING', 'EXT_DUPLICATE')).toBe(false)
})
