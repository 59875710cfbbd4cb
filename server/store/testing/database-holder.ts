import { lockDataDirectory } from '../../data-lock.ts'
import { createLog } from '../../log.ts'
import { signalToStop, stopInOrder } from '../../shutdown.ts'
import { startEmbeddedPostgres } from '../embedded-postgres.ts'

/**
 * The least that an appliance is to its database: lock, start, stop in order. The tests run it as a process of its own and kill it.
 * Prints one line of JSON for each thing that happens.
 */
const [dataDir = ''] = process.argv.slice(2)
const say = (line: object): void => console.log(JSON.stringify(line))

try {
  const lock = lockDataDirectory(dataDir)
  const stop = signalToStop()
  const postgres = await startEmbeddedPostgres({ dataDir, report: (report) => say({ report }) })
  say({ url: postgres.url })
  await new Promise<void>((resolve) => {
    // A timer keeps the process alive; the signal ends it.
    const alive = setInterval(() => undefined, 1_000)
    stop.signal.addEventListener('abort', () => {
      clearInterval(alive)
      resolve()
    })
  })
  const steps = [
    { name: 'work', deadlineMs: 5_000, stop: () => say({ stopping: 'work' }) },
    { name: 'database', deadlineMs: 30_000, stop: () => postgres.close() },
    { name: 'lock', deadlineMs: 1_000, stop: () => lock.release() },
  ]
  await stopInOrder(steps, createLog('error'))
  say({ stopped: true })
  process.exit(0)
} catch (error) {
  say({ refused: error instanceof Error ? error.message : String(error) })
  process.exit(1)
}
