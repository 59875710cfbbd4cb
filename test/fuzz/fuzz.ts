import { mutate } from './mutate.ts'
import { createRandom } from './random.ts'
import { bytesOf, type Input, type Probe, type Target } from './target.ts'

export type Failure = { target: string; message: string; input: Input }
export type Report = {
  target: string
  seed: string
  executions: number
  seconds: number
  /** Real values at the start, and with the inputs that were kept since. */
  seeds: number
  corpus: number
  /** How often each word was heard, the most frequent first. */
  outcomes: [word: string, count: number][]
  slowest: { ms: number; input: Input }
  failures: Failure[]
}

export type FuzzOptions = {
  seed: string
  seconds: number
  /** Called before every input: who watches knows what was under way when nothing comes any more. */
  before?: (input: Input) => void
}

const MAX_CORPUS = 2000
const MAX_FAILURES = 10
const MAX_WORDS = 4000
const DEFAULT_MAX_BYTES = 64 * 1024
const DEFAULT_LIMIT_MS = 250
const MEMORY_LIMIT_BYTES = 2 * 1024 ** 3
const MEMORY_CHECK_EVERY = 256

/** Feeds mutations of real values for a while, and notes every broken law once. */
export async function fuzz(target: Target, options: FuzzOptions): Promise<Report> {
  const probe = await target.open()
  const random = createRandom(`${target.name}/${options.seed}`)
  const corpus: Input[] = [...probe.corpus]
  const rules = { shape: target.shape, words: (target.words ?? []).map(bytesOf), maxBytes: target.maxBytes ?? DEFAULT_MAX_BYTES, random }
  const notes = createNotes(target)
  const start = performance.now()
  const isOver = () => performance.now() - start > options.seconds * 1000 || notes.failures.length >= MAX_FAILURES
  for (let i = 0; i < corpus.length || !isOver(); i++) {
    const input = i < probe.corpus.length ? (corpus[i] as Input) : mutate(random.pick(corpus), corpus, rules)
    options.before?.(input)
    const isNew = await feed(probe, input, notes)
    if (isNew && i >= probe.corpus.length && corpus.length < MAX_CORPUS) corpus.push(input)
    if (i % MEMORY_CHECK_EVERY === 0) notes.checkMemory(input)
  }
  const seconds = (performance.now() - start) / 1000
  return { target: target.name, seed: options.seed, seconds, seeds: probe.corpus.length, corpus: corpus.length, ...notes.summary() }
}

type Notes = ReturnType<typeof createNotes>

async function feed(probe: Probe, input: Input, notes: Notes): Promise<boolean> {
  const before = process.threadCpuUsage()
  let word: string | undefined
  try {
    word = await probe.run(input)
  } catch (error) {
    notes.fail(describe(error), input)
  }
  const { user, system } = process.threadCpuUsage(before)
  await notes.time((user + system) / 1000, input, probe)
  return word !== undefined && notes.hear(word)
}

function createNotes({ name, limitMs = DEFAULT_LIMIT_MS }: Target) {
  const heard = new Map<string, number>()
  const failures: Failure[] = []
  let executions = 0
  let slowest: Report['slowest'] = { ms: 0, input: [] }
  const fail = (message: string, input: Input): void => {
    if (!failures.some((known) => known.message === message)) failures.push({ target: name, message, input })
  }
  return {
    failures,
    fail,
    /** True for a word never heard before. */
    hear(word: string): boolean {
      executions++
      const count = heard.get(word) ?? 0
      if (count > 0 || heard.size < MAX_WORDS) heard.set(word, count + 1)
      return count === 0
    },
    /** Of a slow input the second time counts: the first may have paid for a collection or a compilation. */
    async time(ms: number, input: Input, probe: Probe): Promise<void> {
      if (ms <= slowest.ms && ms <= limitMs) return
      const again = await timed(probe, input)
      const least = Math.min(ms, again)
      if (least > slowest.ms) slowest = { ms: least, input }
      if (least > limitMs) fail(`an input takes more than ${limitMs} ms`, input)
    },
    checkMemory(input: Input): void {
      if (process.memoryUsage.rss() > MEMORY_LIMIT_BYTES) fail('the process holds more than 2 GiB', input)
    },
    summary: () => ({ executions, outcomes: [...heard].sort(([, a], [, b]) => b - a), slowest, failures }),
  }
}

async function timed(probe: Probe, input: Input): Promise<number> {
  const before = process.threadCpuUsage()
  try {
    await probe.run(input)
  } catch {
    // It has been noted the first time.
  }
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1000
}

/** The kind of fault and where it arose, without what differs from input to input. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return `threw ${String(error)}`
  const frame = error.stack?.split('\n').find((line) => line.includes('/mdm/') || line.includes('/server/') || line.includes('/fuzz/'))
  const at = frame?.trim().replace(/^at |file:\/\/|\/\S*\/(?=(?:mdm|server|test)\/)/g, '')
  return `${error.name}: ${error.message.slice(0, 200).replace(/\d{4,}/g, '…')}${error.name === 'Broken' ? '' : ` (${at ?? 'elsewhere'})`}`
}
