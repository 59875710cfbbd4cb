/**
 * A QR code (ISO/IEC 18004) of a text: byte mode, error correction M, versions 1 to 10, which is 213 bytes; far more than the
 * address of an authenticator app has. Rows of modules, true where dark.
 */
export function encodeQr(text: string): boolean[][] {
  const bytes = [...new TextEncoder().encode(text)]
  const version = LEVEL_M.findIndex((row, number) => number > 0 && bytes.length <= capacity(number, row)) // 0 is none
  if (version < 1) throw new RangeError(`${bytes.length} bytes are more than such a QR code holds`)
  const codewords = interleave(dataCodewords(bytes, version), version)
  const plain = drawFunctionPatterns(version)
  const candidates = MASKS.map((mask, number) => drawCode(plain, { codewords, mask, number }))
  return candidates.reduce((best, next) => (penalty(next) < penalty(best) ? next : best)).map((row) => row.map((module) => module === 1))
}

type Row = { total: number; blocks: number; check: number }
/** ISO/IEC 18004 table 9, level M, by version: codewords, blocks, and check codewords of each block. */
const LEVEL_M: Row[] = [
  { total: 0, blocks: 1, check: 0 },
  { total: 26, blocks: 1, check: 10 },
  { total: 44, blocks: 1, check: 16 },
  { total: 70, blocks: 1, check: 26 },
  { total: 100, blocks: 2, check: 18 },
  { total: 134, blocks: 2, check: 24 },
  { total: 172, blocks: 4, check: 16 },
  { total: 196, blocks: 4, check: 18 },
  { total: 242, blocks: 4, check: 22 },
  { total: 292, blocks: 5, check: 22 },
  { total: 346, blocks: 5, check: 26 },
]
/** Annex E: centres of the alignment patterns, by version. */
const ALIGNMENT = [[], [], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50]]

const rowOf = (version: number): Row => LEVEL_M[version] as Row
const dataLength = ({ total, blocks, check }: Row): number => total - blocks * check
const lengthBits = (version: number): number => (version < 10 ? 8 : 16)
const capacity = (version: number, row: Row): number => Math.floor((dataLength(row) * 8 - 4 - lengthBits(version)) / 8)

/** §7.4: mode, length, bytes, terminator, and padding to the end. */
function dataCodewords(bytes: readonly number[], version: number): number[] {
  const length = dataLength(rowOf(version))
  const inBits = (value: number, width: number): string => value.toString(2).padStart(width, '0')
  const bits = `0100${inBits(bytes.length, lengthBits(version))}${bytes.map((byte) => inBits(byte, 8)).join('')}`
  const terminated = bits.padEnd(Math.min(length * 8, bits.length + 4), '0')
  const whole = terminated.padEnd(Math.ceil(terminated.length / 8) * 8, '0')
  const codewords = (whole.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2))
  for (let pad = 0; codewords.length < length; pad++) codewords.push(pad % 2 === 0 ? 0xec : 0x11)
  return codewords
}

/** §7.5, §7.6: blocks with their check codewords, taken in turns. The last blocks are one codeword longer. */
function interleave(data: readonly number[], version: number): number[] {
  const { blocks: count, check } = rowOf(version)
  const short = Math.floor(data.length / count)
  const shortBlocks = count - (data.length % count)
  const startOf = (number: number): number => number * short + Math.max(0, number - shortBlocks)
  const blocks = Array.from({ length: count }, (_, number) => data.slice(startOf(number), startOf(number + 1)))
  const checks = blocks.map((block) => checkCodewords(block, check))
  const inTurns = (parts: readonly number[][]): number[] =>
    Array.from({ length: Math.max(...parts.map((part) => part.length)) }, (_, column) =>
      parts.flatMap((part) => (column < part.length ? [part[column] as number] : [])),
    ).flat()
  return [...inTurns(blocks), ...inTurns(checks)]
}

/** In the field of 256 elements under x⁸ + x⁴ + x³ + x² + 1. */
function multiply(a: number, b: number): number {
  let product = 0
  for (let bit = 7; bit >= 0; bit--) {
    product = (product << 1) ^ ((product >> 7) * 0x11d)
    if ((b >> bit) & 1) product ^= a
  }
  return product
}

/** Reed-Solomon (annex A): what remains of the data after division by the generator polynomial. */
function checkCodewords(data: readonly number[], count: number): number[] {
  let generator = [1]
  for (let degree = 0, root = 1; degree < count; degree++, root = multiply(root, 2)) {
    const shifted = [...generator, 0]
    generator = shifted.map((value, place) => value ^ (place === 0 ? 0 : multiply(generator[place - 1] as number, root)))
  }
  const rest = [...data, ...Array.from({ length: count }, () => 0)]
  for (let at = 0; at < data.length; at++) {
    const factor = rest[at] as number
    for (let place = 0; place < generator.length; place++)
      rest[at + place] = (rest[at + place] as number) ^ multiply(generator[place] as number, factor)
  }
  return rest.slice(data.length)
}

/** 1 dark, 0 light, undefined where the codewords go. */
type Module = 0 | 1 | undefined
type Grid = Module[][]

function drawFunctionPatterns(version: number): Grid {
  const size = 17 + 4 * version
  const grid: Grid = Array.from({ length: size }, () => Array.from({ length: size }, () => undefined))
  for (let at = 0; at < size; at++) {
    put(grid, at, 6, at % 2 === 0)
    put(grid, 6, at, at % 2 === 0)
  }
  for (const [x, y] of [
    [3, 3],
    [size - 4, 3],
    [3, size - 4],
  ] as const)
    drawRings(grid, { x, y, radius: 4, isDark: (distance) => distance !== 2 && distance !== 4 })
  for (const [x, y] of alignmentCentres(version, size)) drawRings(grid, { x, y, radius: 2, isDark: (distance) => distance !== 1 })
  drawFormat(grid, 0) // reserves the place; each mask writes its own
  if (version >= 7) drawVersion(grid, version)
  return grid
}

function alignmentCentres(version: number, size: number): [number, number][] {
  const centres = ALIGNMENT[version] ?? []
  const isFinder = (x: number, y: number) => (x < 8 && y < 8) || (x < 8 && y > size - 9) || (x > size - 9 && y < 8)
  return centres.flatMap((x) => centres.filter((y) => !isFinder(x, y)).map((y): [number, number] => [x, y]))
}

type Rings = { x: number; y: number; radius: number; isDark: (distance: number) => boolean }

function drawRings(grid: Grid, { x, y, radius, isDark }: Rings): void {
  for (let dy = -radius; dy <= radius; dy++)
    for (let dx = -radius; dx <= radius; dx++) put(grid, x + dx, y + dy, isDark(Math.max(Math.abs(dx), Math.abs(dy))))
}

function put(grid: Grid, x: number, y: number, isDark: boolean): void {
  const row = grid[y]
  if (row !== undefined && x >= 0 && x < row.length) row[x] = isDark ? 1 : 0
}

/** What remains of `value` after division by a generator, as BCH codes of annexes C and D have it. */
function bch(value: number, { generator, bits }: { generator: number; bits: number }): number {
  let rest = value << bits
  for (let at = 31 - Math.clz32(rest); at >= bits; at--) if ((rest >> at) & 1) rest ^= generator << (at - bits)
  return (value << bits) | rest
}

/** §7.9: level M is 00; both copies, and the module that is always dark. */
function drawFormat(grid: Grid, mask: number): void {
  const format = bch(mask, { generator: 0x537, bits: 10 }) ^ 0x5412
  const size = grid.length
  for (let bit = 0; bit < 15; bit++) {
    const isDark = ((format >> bit) & 1) === 1
    const beside = bit < 6 ? bit : bit < 8 ? bit + 1 : size - 15 + bit
    const above = bit < 8 ? size - 1 - bit : bit === 8 ? 7 : 14 - bit
    put(grid, 8, beside, isDark)
    put(grid, above, 8, isDark)
  }
  put(grid, 8, size - 8, true)
}

/** §7.10. */
function drawVersion(grid: Grid, version: number): void {
  const bits = bch(version, { generator: 0x1f25, bits: 12 })
  for (let bit = 0; bit < 18; bit++) {
    const isDark = ((bits >> bit) & 1) === 1
    const [near, far] = [Math.floor(bit / 3), grid.length - 11 + (bit % 3)]
    put(grid, near, far, isDark)
    put(grid, far, near, isDark)
  }
}

/** §7.8.2: where a mask turns a module over. */
const MASKS: ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0,
  (_x, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(y / 2) + Math.floor(x / 3)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
]

type Code = { codewords: readonly number[]; mask: (x: number, y: number) => boolean; number: number }

/** §7.7.3: pairs of columns from the right, up and down in turns, around the column of the timing pattern. */
function drawCode(plain: Grid, { codewords, mask, number }: Code): Grid {
  const grid = plain.map((row) => [...row])
  const size = grid.length
  const bits = codewords.flatMap((codeword) => Array.from({ length: 8 }, (_, bit) => (codeword >> (7 - bit)) & 1))
  let at = 0
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5
    const isUpward = ((right + 1) & 2) === 0
    for (let step = 0; step < size; step++) {
      const y = isUpward ? size - 1 - step : step
      for (const x of [right, right - 1]) {
        if (plain[y]?.[x] !== undefined) continue
        put(grid, x, y, (bits[at++] === 1) !== mask(x, y))
      }
    }
  }
  drawFormat(grid, number)
  return grid
}

/** §7.8.3: how hard a camera would find it. */
function penalty(grid: Grid): number {
  const columns = grid.map((_, x) => grid.map((row) => row[x]))
  const lines = [...grid, ...columns].map((line) => line.join(''))
  const runs = lines.flatMap((line) => line.match(/0{5,}|1{5,}/g) ?? []).reduce((sum, run) => sum + run.length - 2, 0)
  const finders = lines.reduce((sum, line) => sum + (line.match(/(?=00001011101|10111010000)/g)?.length ?? 0), 0)
  let squares = 0
  for (let y = 1; y < grid.length; y++)
    for (let x = 1; x < grid.length; x++) {
      const four = new Set([grid[y]?.[x], grid[y]?.[x - 1], grid[y - 1]?.[x], grid[y - 1]?.[x - 1]])
      if (four.size === 1) squares++
    }
  const dark = grid.flat().filter((module) => module === 1).length / grid.length ** 2
  return runs + 3 * squares + 40 * finders + 10 * Math.floor(Math.abs(dark * 100 - 50) / 5)
}
