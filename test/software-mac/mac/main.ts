import { join } from 'node:path'
import { lockWithin } from '../process-lock.ts'
import { onParentGone } from '../with-parent.ts'
import { AcmeRefused } from './acme-session.ts'
import { SerialTaken } from './apple-link.ts'
import { claimSerial } from './claim.ts'
import { LinkSpent } from './enroll.ts'
import { MdmRefused } from './mdm-client.ts'
import { type MacOptions, OptionFault, parseMacOptions } from './options.ts'
import { ProfileError } from './profile.ts'
import { EXIT, type Report } from './report.ts'
import { runMac } from './run-mac.ts'

/** `main.ts --dir DIR --apple DIR --enroll-url URL …`: one Mac. See README.md for the options. */
const report: Report = (state, detail) => {
  const line = { at: new Date().toISOString(), state, ...(detail === undefined ? {} : { detail }) }
  if (process.connected) process.send?.(line)
  else console.log(JSON.stringify(line))
}

const stopping = new AbortController()
process.on('SIGTERM', () => stopping.abort())
process.on('SIGINT', () => stopping.abort())
onParentGone(() => stopping.abort())

/** An earlier process of this Mac may still be ending with its agent. */
const ENDING_MS = 15_000

const options = readOptions()
const lock = await lockWithin(join(options.directory, 'lock'), ENDING_MS)
if (lock === 'held') {
  report('refused', `another process is the Mac in ${options.directory}`)
  process.exit(EXIT.inUse)
}
const code = await (options.claim === undefined ? runMac : claimSerial)(options, report, stopping.signal).catch(exitCodeOf)
if (code === EXIT.stopped) report('stopped')
lock.release()
process.exit(code)

function readOptions(): MacOptions {
  try {
    return parseMacOptions(process.argv.slice(2), process.env)
  } catch (error) {
    if (!(error instanceof OptionFault)) throw error
    console.error(error.message)
    process.exit(EXIT.badOptions)
  }
}

function exitCodeOf(error: unknown): number {
  if (stopping.signal.aborted) return EXIT.stopped
  const why = error instanceof Error ? error.message : String(error)
  report('refused', why)
  if (error instanceof LinkSpent) return EXIT.linkSpent
  if (error instanceof SerialTaken) return EXIT.serialTaken
  if (error instanceof AcmeRefused || error instanceof MdmRefused || error instanceof ProfileError) return EXIT.refused
  console.error(error)
  return 1
}
