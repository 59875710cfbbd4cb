import type { MachineInfo } from '../../mdm/ade/machine-info.ts'
import type { Mdm } from '../../mdm/ports.ts'
import type { Clock } from '../clock.ts'
import { findDevice } from '../store/apple-business.ts'
import type { Store } from '../store/client.ts'
import { findOpenInvitation } from '../store/enrollment-lookup.ts'
import { appendMacEvent } from '../store/mac-events.ts'
import { findMacBySerial } from '../store/macs.ts'

/**
 * The enrollment that a Mac in Setup Assistant is let into: Apple Business assigned it to us, and it is not revoked. What its
 * MachineInfo says proves little (mdm/ade/machine-info.ts); Apple's attestation over ACME must name the same serial number.
 */
export async function admitMachine(
  deps: { store: Store; clock: Clock; mdm: Pick<Mdm, 'invite'> },
  machine: MachineInfo,
): Promise<{ enrollmentId: string } | undefined> {
  const [device, mac] = await Promise.all([findDevice(deps.store, machine.serial), findMacBySerial(deps.store, machine.serial)])
  if (device === undefined || mac === undefined || mac.revokedAt !== null) return undefined
  const open = await findOpenInvitation(deps.store, { mac: mac.id, kind: 'automated' }, deps.clock.now())
  if (open !== undefined) return { enrollmentId: open }
  const { enrollmentId } = await deps.mdm.invite({ macId: mac.id, serial: mac.serial, kind: 'automated' })
  await appendMacEvent(deps.store, mac.id, { type: 'automated-enrollment-begun' }, deps.clock.now())
  return { enrollmentId }
}
