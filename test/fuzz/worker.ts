import { parentPort, workerData } from 'node:worker_threads'
import { fuzz } from './fuzz.ts'
import type { Target } from './target.ts'
import { type WorkerData, writeBox } from './watched.ts'

const { target: name, seed, seconds, box, targets } = workerData as WorkerData
const { TARGETS } = (await import(targets)) as { TARGETS: readonly Target[] }
const target = TARGETS.find((one) => one.name === name)
if (target === undefined) throw new RangeError(`there is no target “${name}”`)
parentPort?.postMessage(await fuzz(target, { seed, seconds, before: (input) => writeBox(box, input) }))
