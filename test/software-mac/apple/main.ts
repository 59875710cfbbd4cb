import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { tryLock } from '../process-lock.ts'
import { onParentGone } from '../with-parent.ts'
import { openKeys } from './directory.ts'
import { serveApple } from './serve.ts'

/** `main.ts --dir DIR [--init-only]`: software Apple of one directory, until it is told to stop or its parent is gone. */
const { values } = parseArgs({ options: { dir: { type: 'string' }, 'init-only': { type: 'boolean' } } })
if (values.dir === undefined) {
  console.error('usage: main.ts --dir DIR [--init-only]')
  process.exit(30)
}
const directory = values.dir

if (values['init-only'] === true) {
  openKeys(directory, new Date())
} else {
  const lock = tryLock(join(directory, 'lock'))
  if (lock === 'held') {
    process.send?.({ state: 'attached' })
    console.log(`software Apple already runs for ${directory}`)
    process.exit(0)
  }
  const apple = await serveApple({ directory, now: () => new Date() })
  let isStopping = false
  const stop = () => {
    if (isStopping) return
    isStopping = true
    void apple.close().finally(() => {
      lock.release()
      process.exit(0)
    })
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  onParentGone(stop)
  process.send?.({ state: 'serving', address: apple.address })
  console.log(`software Apple serves ${directory}: APNs ${apple.address.url}, attestation ${apple.address.attestUrl}`)
}
