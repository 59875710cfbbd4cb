import { keepAgent } from './agent-process.ts'
import { manufacture, readDevice, writeDevice } from './device.ts'
import type { MacOptions } from './options.ts'
import { EXIT, type Report } from './report.ts'

/**
 * The relay attack's half on machine X: the real agent, on a machine of its own, under the serial number of somebody else's
 * Mac and without that Mac's ticket.
 */
export async function claimSerial(options: MacOptions, report: Report, signal: AbortSignal): Promise<number> {
  const { claim, agent, directory } = options
  if (claim === undefined || agent === undefined) throw new TypeError('nothing to claim')
  if (readDevice(directory) === undefined) writeDevice(directory, { ...manufacture(claim.serial), ...options.posture })
  report('starting', `claims ${claim.serial}`)
  const onState = (state: 'started' | 'ended', detail?: string) => report(`agent-${state}`, detail)
  await keepAgent({ directory, serverUrl: claim.serverUrl, settings: agent, onState, signal })
  return EXIT.stopped
}
