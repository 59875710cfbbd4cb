import { type CsvRecord, readCsv } from './csv.ts'

export const RINGS = ['canary', 'early', 'all'] as const
export type Ring = (typeof RINGS)[number]

/** One Mac of the list; what the list leaves out is null. */
export type ListedMac = { line: number; serial: string; name: string | null; pool: string | null; ring: Ring | null }
export type LineFault = { line: number; sentence: string }
export type ParsedList = {
  macs: ListedMac[]
  faults: LineFault[]
  /** Lines that say the same of a Mac as an earlier one. */
  duplicates: number
}

export const MAX_LINES = 10_000
const MAX_NAME_LENGTH = 64
const SERIAL = /^[A-Za-z0-9]{8,14}$/
const POOL = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/

/** The columns that are read, by the words that may stand above them, and those that an export of ours has as well. */
const COLUMNS: Readonly<Record<string, 'serial' | 'name' | 'pool' | 'ring' | 'ignored'>> = {
  serial: 'serial',
  'serial number': 'serial',
  'serial-number': 'serial',
  serial_number: 'serial',
  name: 'name',
  'device name': 'name',
  'computer name': 'name',
  pool: 'pool',
  ring: 'ring',
  ...{ model: 'ignored', macos: 'ignored', state: 'ignored', added: 'ignored' },
}
const POSITIONS = ['serial', 'name', 'pool', 'ring'] as const

/**
 * A list of Macs: one serial number a line, or CSV with a head line of serial, name, pool and ring. Pure and strict: every line is a
 * Mac, a duplicate or a fault with its number; nothing is guessed and nothing skipped.
 */
export function parseList(text: string): ParsedList {
  const records = readCsv(text)
  const head = readHead(records[0])
  if (head !== undefined && 'sentence' in head) return { macs: [], faults: [head], duplicates: 0 }
  const body = head === undefined ? records : records.slice(1)
  const beyond = body[MAX_LINES]
  if (beyond !== undefined) {
    const sentence = `The list has more than ${MAX_LINES.toLocaleString('en')} Macs. Import it in parts.`
    return { macs: [], faults: [{ line: beyond.line, sentence }], duplicates: 0 }
  }
  const list: ParsedList = { macs: [], faults: [], duplicates: 0 }
  const known = new Map<string, ListedMac>()
  for (const record of body) enter(list, known, readMac(record, head?.columns ?? POSITIONS))
  return list
}

function enter(list: ParsedList, known: Map<string, ListedMac>, mac: ListedMac | LineFault): void {
  if ('sentence' in mac) {
    list.faults.push(mac)
    return
  }
  const earlier = known.get(mac.serial)
  if (earlier === undefined) {
    known.set(mac.serial, mac)
    list.macs.push(mac)
  } else if (earlier.name === mac.name && earlier.pool === mac.pool && earlier.ring === mac.ring) list.duplicates++
  else list.faults.push({ line: mac.line, sentence: `${mac.serial} stands in line ${earlier.line} already, and differently.` })
}

type Columns = readonly (keyof ListedMac | 'ignored')[]

/** Undefined where the first line is a Mac already. */
function readHead(first: CsvRecord | undefined): { columns: Columns } | LineFault | undefined {
  if (first === undefined || 'fault' in first) return undefined
  const words = first.cells.map((cell) => cell.toLowerCase())
  if (!words.some((word) => COLUMNS[word] === 'serial')) return undefined
  const unknown = words.findIndex((word) => !Object.hasOwn(COLUMNS, word))
  if (unknown !== -1) {
    return {
      line: first.line,
      sentence: `The column “${first.cells[unknown]?.slice(0, 40)}” is not known. Known are serial, name, pool and ring.`,
    }
  }
  const columns = words.map((word) => COLUMNS[word] as Columns[number])
  const twice = columns.find((column, index) => column !== 'ignored' && columns.indexOf(column) !== index)
  return twice === undefined ? { columns } : { line: first.line, sentence: `Two columns are called “${twice}”.` }
}

function readMac(record: CsvRecord, columns: Columns): ListedMac | LineFault {
  const { line } = record
  if ('fault' in record) return { line, sentence: record.fault }
  if (record.cells.length > columns.length) {
    return { line, sentence: `The line has ${record.cells.length} values where ${columns.length} are expected.` }
  }
  const cell = (column: Columns[number]): string => record.cells[columns.indexOf(column)] ?? ''
  const [serial, name, pool, ring] = [cell('serial'), cell('name'), cell('pool'), cell('ring').toLowerCase()]
  const sentence = faultOf({ serial, name, pool, ring })
  if (sentence !== undefined) return { line, sentence }
  return { line, serial: serial.toUpperCase(), name: name || null, pool: pool || null, ring: (ring || null) as Ring | null }
}

function faultOf({ serial, name, pool, ring }: Record<'serial' | 'name' | 'pool' | 'ring', string>): string | undefined {
  if (serial === '') return 'The serial number is missing.'
  if (!SERIAL.test(serial)) return `“${serial.slice(0, 40)}” is no serial number: it has 8 to 14 letters and digits.`
  if ([...name].length > MAX_NAME_LENGTH) return `The name is longer than ${MAX_NAME_LENGTH} characters.`
  if (/\p{Cc}/u.test(name)) return 'The name holds a control character.'
  if (pool !== '' && !POOL.test(pool)) return `“${pool.slice(0, 40)}” is no name of a pool: small letters, digits and hyphens.`
  if (ring !== '' && !RINGS.includes(ring as Ring)) return `“${ring.slice(0, 40)}” is no ring: canary, early or all.`
  return undefined
}
