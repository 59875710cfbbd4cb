import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MacId, newId } from '#protocol/ids'
import { Policy } from '../../attestation/policy.ts'
import { defaultPolicy } from '../../policy/default-policy.ts'
import { writeCell, writeCsv } from './csv.ts'
import { judgeImport } from './judge-import.ts'
import { MAX_LINES, parseList } from './parse-list.ts'

const serials = (text: string) => parseList(text).macs.map(({ serial }) => serial)
const faults = (text: string) => parseList(text).faults.map(({ line, sentence }) => `${line}: ${sentence}`)

describe('a list of Macs', () => {
  test('is serial numbers, one a line, with blank lines and any line ends between', () => {
    expect(serials('c02abcdefgh1\r\n\r\n  C02ABCDEFGH2 \rC02ABCDEFGH3\n')).toEqual(['C02ABCDEFGH1', 'C02ABCDEFGH2', 'C02ABCDEFGH3'])
  })

  test.each([',', ';', '\t'])('is CSV separated by %j, with a head in any order', (separator) => {
    const inside = separator === '\t' ? '' : separator
    const text = ['\uFEFFRing', 'Serial Number', 'Name', 'Pool'].join(separator)
    const line = ['early', 'C02ABCDEFGH1', `"Ada${inside} ""the"" Mac"`, 'design'].join(separator)
    expect(parseList(`${text}\n${line}`)).toEqual({
      macs: [{ line: 2, serial: 'C02ABCDEFGH1', name: `Ada${inside} "the" Mac`, pool: 'design', ring: 'early' }],
      faults: [],
      duplicates: 0,
    })
  })

  test('tells each faulty line with its number, and takes the others', () => {
    const text = [
      'serial,name,pool,ring',
      'C02ABCDEFGH1',
      'short',
      'C02ABCDEFGHß',
      'C02ABCDEFGH2,x,Design',
      'C02ABCDEFGH3,x,,soon',
      'C02ABCDEFGH4,"x',
      'C02ABCDEFGH5,"x"y',
      'C02ABCDEFGH6,x"y',
      'C02ABCDEFGH7,a,b,all,e',
      ',nameless',
      `C02ABCDEFGH8,${'n'.repeat(65)}`,
      'C02ABCDEFGH9,a\u0007b',
      'C02ABCDEFGH1,other name',
    ].join('\n')
    expect(faults(text)).toEqual([
      '3: “short” is no serial number: it has 8 to 14 letters and digits.',
      '4: “C02ABCDEFGHß” is no serial number: it has 8 to 14 letters and digits.',
      '5: “Design” is no name of a pool: small letters, digits and hyphens.',
      '6: “soon” is no ring: canary, early or all.',
      '7: A quotation mark is not closed on its line.',
      '8: Text stands behind a closing quotation mark.',
      '9: A quotation mark stands inside a value that does not begin with one.',
      '10: The line has 5 values where 4 are expected.',
      '11: The serial number is missing.',
      '12: The name is longer than 64 characters.',
      '13: The name holds a control character.',
      '14: C02ABCDEFGH1 stands in line 2 already, and differently.',
    ])
    expect(serials(text)).toEqual(['C02ABCDEFGH1'])
  })

  test('counts a line that says the same twice, and is no fault', () => {
    expect(parseList('C02ABCDEFGH1\nc02abcdefgh1')).toMatchObject({ duplicates: 1, faults: [], macs: [{ line: 1 }] })
  })

  test('refuses a column that it does not know, and one that comes twice', () => {
    expect(faults('serial,owner\nC02ABCDEFGH1,x')).toEqual(['1: The column “owner” is not known. Known are serial, name, pool and ring.'])
    expect(faults('serial,constructor')).toHaveLength(1)
    expect(faults('serial,serial number')).toEqual(['1: Two columns are called “serial”.'])
  })

  test('ends at its bound', () => {
    const lines = (count: number) => Array.from({ length: count }, (_, index) => `C02${String(index).padStart(9, '0')}`).join('\n')
    expect(parseList(lines(MAX_LINES)).macs).toHaveLength(MAX_LINES)
    expect(faults(lines(MAX_LINES + 1))).toEqual(['10001: The list has more than 10,000 Macs. Import it in parts.'])
  })

  test('never throws, and every Mac that it gives has a sound serial number', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('"', ',', ';', '\n', '\r', '\t', "'", '=', 'A', '1', ' ', 'serial') }), (text) => {
        for (const { serial } of parseList(text).macs) expect(serial).toMatch(/^[A-Z0-9]{8,14}$/)
      }),
    )
  })
})

describe('an export', () => {
  const Name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).map((name) => name.trim())
  const printable = Name.filter((name) => name !== '' && !/[\p{Cc}\u2028\u2029\uFEFF]/u.test(name))

  test('is read back as it was written', () => {
    fc.assert(
      fc.property(printable, (name) => {
        const csv = writeCsv([
          ['serial', 'name', 'pool', 'ring', 'model', 'macos', 'state', 'added'],
          ['C02ABCDEFGH1', name, '', 'all', 'Mac', '26.0', 'enrolled', '2026'],
        ])
        expect(parseList(csv)).toMatchObject({ macs: [{ name, ring: 'all' }], faults: [] })
      }),
    )
  })

  test('holds no cell that a spreadsheet would calculate', () => {
    for (const formula of ['=HYPERLINK("http://x")', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1']) {
      expect(writeCell(formula).replace(/^"/, '')).toMatch(/^(?![=+\-@\t\r\n])/)
    }
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('=', '+', '-', '@', "'", '"', ',', 'a', '\t', '\n') }), (text) => {
        expect(writeCell(text)).not.toMatch(/^"?[=+\-@\t\r\n]/)
      }),
    )
  })
})

describe('the judgement of a list', () => {
  const base = defaultPolicy({ mode: 'evaluation', agentVersion: '1' })
  test('leaves known Macs alone, keeps revoked ones out and refuses pools that are not there', () => {
    const known = (isRevoked: boolean) => ({ id: MacId.parse(newId('mac')), isRevoked })
    const inventory = new Map([
      ['C02ABCDEFGH1', known(false)],
      ['C02ABCDEFGH2', known(true)],
    ])
    const plan = judgeImport(parseList('C02ABCDEFGH1\nC02ABCDEFGH2\nC02ABCDEFGH3\nC02ABCDEFGH4,,nowhere'), inventory, base)
    expect(plan).toMatchObject({
      added: [{ serial: 'C02ABCDEFGH3' }],
      known: [{ serial: 'C02ABCDEFGH1' }],
      revoked: [{ serial: 'C02ABCDEFGH2' }],
      faults: [{ line: 4, sentence: 'The policy has no pool called “nowhere”.' }],
    })
  })
  test('takes a pool that asks as much or more, and refuses one that asks less, or whose Macs something is waived for', () => {
    const waiver = { id: `wvr_${'0'.repeat(20)}`, code: 'FDE_OFF', scope: { kind: 'pool', pool: 'waived' }, why: 'for the test' }
    const span = { from: '2026-11-01T00:00:00Z', until: '2026-12-01T00:00:00Z' }
    const policy = Policy.parse({
      ...base,
      waivers: [{ ...waiver, ...span }],
      pools: [
        { name: 'same', rules: {} },
        { name: 'strict', rules: { requireAutomatedEnrollment: true } },
        { name: 'lax', rules: { requireFileVault: false } },
        { name: 'waived', rules: {} },
      ],
    })
    const list = parseList('C02ABCDEFGH1,,same\nC02ABCDEFGH2,,strict\nC02ABCDEFGH3,,lax\nC02ABCDEFGH4,,waived')
    const plan = judgeImport(list, new Map(), policy)
    expect(plan.added.map(({ pool }) => pool)).toEqual(['same', 'strict'])
    expect(plan.faults.map(({ line, sentence }) => [line, sentence.slice(0, 30)])).toEqual([
      [3, 'Pool “lax” asks less of a Mac '],
      [4, 'Pool “waived” asks less of a M'],
    ])
  })
})
