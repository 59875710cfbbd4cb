import { join } from 'node:path'
import type { CommandContext } from '../mac/commands/command.ts'
import { execute } from '../mac/commands/execute.ts'
import { type Device, manufacture, readDevice, writeDevice } from '../mac/device.ts'
import { openIdentityStore } from '../mac/identity-store.ts'
import type { PlistDict } from '../mac/plist/write.ts'
import { openProfileStore } from '../mac/profile-store.ts'
import { openSecureEnclave } from '../mac/secure-enclave.ts'

/** For tests of commands: a Mac in a directory of its own, with nobody around it. */
function commandContext(directory: string, more: Partial<CommandContext> = {}): CommandContext {
  const enclave = openSecureEnclave(directory)
  writeDevice(directory, manufacture('ESPSIM000007'))
  const device = () => readDevice(directory) as Device
  return {
    directory,
    enclave,
    profiles: openProfileStore(directory),
    identities: openIdentityStore(directory, enclave),
    attestor: { deviceProperties: async (nonce) => [nonce ?? new Uint8Array()], acmeKey: async () => [], extensionKey: async () => [] },
    misbehaviour: {},
    signal: new AbortController().signal,
    device,
    change: (changes) => writeDevice(directory, { ...device(), ...changes }),
    accessRights: 8191,
    later: () => {},
    enrollmentIdentifier: 'the.enrollment',
    agentVersion: '1.0',
    ...more,
  }
}

/** A directory of its own for each context below `folder`. */
export function contextsIn(folder: string): (more?: Partial<CommandContext>) => CommandContext {
  let ordinal = 0
  return (more = {}) => commandContext(join(folder, String(++ordinal)), more)
}

export const runOn = (context: CommandContext, command: PlistDict): Promise<PlistDict> =>
  execute({ CommandUUID: 'C', Command: command }, context, false)
