import { onParentGone } from '../with-parent.ts'

/** Preloaded into a child that does not watch for its parent itself. */
onParentGone(() => process.kill(process.pid, 'SIGTERM'))

// `fork` hands its own flags on: what the child starts in turn must not be leashed, it may need its channel to stay alive.
const preload = process.execArgv.indexOf('--import')
if (preload !== -1) process.execArgv.splice(preload, 2)
