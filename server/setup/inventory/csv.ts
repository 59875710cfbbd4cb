/** CSV as spreadsheets write and read it (RFC 4180), one record a line. */

export type CsvRecord = { line: number; cells: string[] } | { line: number; fault: string }

const SEPARATORS = ['\t', ';', ','] as const

/** Every line that is not blank. The separator is what stands in the first of them: tab, semicolon or comma. */
export function readCsv(text: string): CsvRecord[] {
  const lines = text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/)
    .map((content, index) => ({ line: index + 1, content }))
    .filter(({ content }) => content.trim() !== '')
  const separator = SEPARATORS.find((each) => lines[0]?.content.includes(each)) ?? ','
  return lines.map(({ line, content }) => readLine(line, content, separator))
}

function readLine(line: number, content: string, separator: string): CsvRecord {
  const cells: string[] = []
  for (let at = 0; ; ) {
    const cell = content[at] === '"' ? readQuoted(content, at, separator) : readPlain(content, at, separator)
    if (typeof cell === 'string') return { line, fault: cell }
    cells.push(plain(cell.value.trim()))
    if (cell.end >= content.length) return { line, cells }
    at = cell.end + 1
  }
}

type Cell = { value: string; end: number }

function readPlain(content: string, from: number, separator: string): Cell | string {
  const found = content.indexOf(separator, from)
  const end = found === -1 ? content.length : found
  const value = content.slice(from, end)
  return value.includes('"') ? 'A quotation mark stands inside a value that does not begin with one.' : { value, end }
}

function readQuoted(content: string, from: number, separator: string): Cell | string {
  let value = ''
  for (let at = from + 1; at < content.length; at++) {
    if (content[at] !== '"') value += content[at]
    else if (content[at + 1] === '"') {
      value += '"'
      at++
    } else if (at + 1 === content.length || content[at + 1] === separator) return { value, end: at + 1 }
    else return 'Text stands behind a closing quotation mark.'
  }
  return 'A quotation mark is not closed on its line.'
}

/** What a spreadsheet would take for a formula. */
const FORMULA = /^[=+\-@\t\r\n]/
const NEUTRALISED = /^'(?=['=+\-@\t\r\n])/

/** A cell that no spreadsheet calculates: what looks like a formula, or like one made harmless already, gets an apostrophe in front. */
export function writeCell(value: string): string {
  const line = value.replace(/[\r\n]+/g, ' ')
  const safe = FORMULA.test(line) || NEUTRALISED.test(line) ? `'${line}` : line
  return /[",;\t]|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

const plain = (cell: string): string => cell.replace(NEUTRALISED, '')

/** CRLF behind every line, as RFC 4180 has it. */
export const writeCsv = (rows: readonly (readonly string[])[]): string => rows.map((row) => `${row.map(writeCell).join(',')}\r\n`).join('')
