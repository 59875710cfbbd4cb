import { hold, one, type Target } from '../target.ts'

const target = (name: string, run: (bytes: Uint8Array) => string): Target => ({
  name,
  about: 'a parser with a fault that was planted',
  shape: 'bytes',
  open: async () => ({ corpus: [one('abcdefgh')], run: ([bytes = new Uint8Array()]) => run(bytes) }),
})

/** Parsers with one fault each, which the fuzzer has to find. */
export const TARGETS: readonly Target[] = [
  target('sound', (bytes) => `length ${bytes.length % 8}`),
  target('throws', (bytes) => {
    if (bytes[3] === 0xff) throw new RangeError('a fault of its own')
    return 'read'
  }),
  target('breaks-a-law', (bytes) => {
    hold('no input is longer than twenty', bytes.length <= 20)
    return 'read'
  }),
  target('is-slow', (bytes) => {
    const start = process.threadCpuUsage()
    while (bytes.length > 40 && process.threadCpuUsage(start).user < 400_000) Math.random()
    return 'read'
  }),
  target('never-ends', (bytes) => {
    while (bytes.length > 40) Math.random()
    return 'read'
  }),
  target('fills-the-heap', (bytes) => {
    const kept: object[] = []
    while (bytes.length > 40) kept.push({ more: kept.length })
    return `read ${kept.length}`
  }),
]
