import { Worker } from 'node:worker_threads'
import type { Failure, Report } from './fuzz.ts'
import type { Input } from './target.ts'

/** How long nothing may come from a target: what hangs has been found. Machines that are busy with other things take their time. */
const SILENCE_MS = 60_000
const HEAP_MEBIBYTES = 1024
/** The input under way, which is read here when the worker no longer speaks. */
const BLACK_BOX_BYTES = 4 * 1024 * 1024

export type WorkerData = { target: string; seed: string; seconds: number; box: SharedArrayBuffer; targets: string }
export type WatchOptions = {
  target: string
  seed: string
  seconds: number
  silenceMs?: number
  heapMebibytes?: number /** Module of the table. */
  targets?: string
}

/**
 * Runs one target in a thread of its own, which an endless loop or a full heap cannot take this process along with: the input under
 * way is then the finding.
 */
export async function fuzzWatched(options: WatchOptions): Promise<Report> {
  const box = new SharedArrayBuffer(BLACK_BOX_BYTES)
  const { target, seed, seconds, silenceMs = SILENCE_MS } = options
  const targets = options.targets ?? new URL('./targets.ts', import.meta.url).href
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: { target, seed, seconds, box, targets } satisfies WorkerData,
    resourceLimits: { maxOldGenerationSizeMb: options.heapMebibytes ?? HEAP_MEBIBYTES },
  })
  const watch = watchOver(box, silenceMs)
  try {
    return await Promise.race([reportOf(worker), watch.silent])
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return lost({ target, message, input: readBox(box) }, options, Atomics.load(new Int32Array(box), COUNT))
  } finally {
    watch.stop()
    await worker.terminate()
  }
}

function reportOf(worker: Worker): Promise<Report> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', (code) => reject(new Error(`the target's thread ended with ${code}`)))
  })
}

function watchOver(box: SharedArrayBuffer, silenceMs: number): { silent: Promise<never>; stop(): void } {
  const numbers = new Int32Array(box)
  let seen = -1
  let timer: NodeJS.Timeout | undefined
  const silent = new Promise<never>((_, reject) => {
    timer = setInterval(() => {
      const now = Atomics.load(numbers, COUNT)
      if (now === seen) reject(new Error(`an input takes more than ${silenceMs} ms, and may never end`))
      seen = now
    }, silenceMs)
  })
  return { silent, stop: () => clearInterval(timer) }
}

const lost = (failure: Failure, { target, seed, seconds }: WatchOptions, executions: number): Report => ({
  target,
  seed,
  seconds,
  executions,
  seeds: 0,
  corpus: 0,
  outcomes: [],
  slowest: { ms: 0, input: failure.input },
  failures: [failure],
})

/** The box: how many inputs have begun, how many parts the present one has, their lengths, their bytes. */
const COUNT = 0
const PARTS = 1
const HEADER_WORDS = 16

export function writeBox(box: SharedArrayBuffer, input: Input): void {
  const numbers = new Int32Array(box)
  let at = HEADER_WORDS * 4
  numbers[PARTS] = input.length
  for (const [index, part] of input.entries()) {
    const fitting = part.subarray(0, box.byteLength - at)
    numbers[PARTS + 1 + index] = fitting.length
    new Uint8Array(box, at, fitting.length).set(fitting)
    at += fitting.length
  }
  Atomics.add(numbers, COUNT, 1)
}

function readBox(box: SharedArrayBuffer): Input {
  const numbers = new Int32Array(box)
  let at = HEADER_WORDS * 4
  return Array.from({ length: numbers[PARTS] ?? 0 }, (_, index) => {
    const length = numbers[PARTS + 1 + index] ?? 0
    const part = Uint8Array.from(new Uint8Array(box, at, length))
    at += length
    return part
  })
}
