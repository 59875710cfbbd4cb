import { keepAgent } from './agent-process.ts'
import { createAppleLink } from './apple-link.ts'
import { createAttestor } from './attestor.ts'
import { manufacture, readDevice, writeDevice } from './device.ts'
import type { MacOptions } from './options.ts'
import { startPlatformSso } from './platform-sso.ts'
import { EXIT, type Report } from './report.ts'
import { openSecureEnclave } from './secure-enclave.ts'

/**
 * The relay attack's half on machine X: the real agent, on a machine of its own, under the serial number of somebody else's
 * Mac. What X has is X's: no ticket of that Mac, a System keychain that no MDM client of that Mac reports, and a Platform SSO
 * extension whose key Apple knows as X's. With `--sso-of DIR` it has that other Mac's own extension asked instead, which a person
 * on that Mac could do; it attests the key that lies there.
 */
export async function claimSerial(options: MacOptions, report: Report, signal: AbortSignal): Promise<number> {
  const { claim, agent, directory } = options
  if (claim === undefined || agent === undefined) throw new TypeError('nothing to claim')
  if (readDevice(directory) === undefined) writeDevice(directory, { ...manufacture(claim.serial), ...options.posture })
  report('starting', `claims ${claim.serial}`)
  const sso = options.hasPlatformSso ? await startOwnExtension(options, claim.ssoOf, signal) : undefined
  const onState = (state: 'started' | 'ended', detail?: string) => report(`agent-${state}`, detail)
  try {
    await keepAgent({ directory, serverUrl: claim.serverUrl, settings: agent, onState, signal })
    return EXIT.stopped
  } finally {
    sso?.close()
  }
}

/** X is a Mac of Apple's, too, and honest hardware attests only itself. */
async function startOwnExtension(
  { directory, appleDirectory, serial, misbehaviour }: MacOptions,
  ssoOf: string | undefined,
  signal: AbortSignal,
) {
  const own = manufacture(serial ?? 'RELAYMAC0001')
  const enclave = openSecureEnclave(directory)
  const host = ssoOf ?? directory
  const device = ssoOf === undefined ? own : (readDevice(ssoOf) ?? own)
  const hostEnclave = ssoOf === undefined ? enclave : openSecureEnclave(ssoOf)
  const link = createAppleLink(appleDirectory, hostEnclave.open('factory', 'P-256'))
  await link.manufacture(device, signal)
  const attestor = createAttestor({ directory: host, link, device: () => device, misbehaviour })
  return startPlatformSso({ directory, enclave: hostEnclave, attestor, signal })
}
