import type { Command } from '../ports.ts'

/**
 * Apple: ShutDownDevice. Needs AccessRights 4. Only a person at the Mac starts it again.
 * https://developer.apple.com/documentation/devicemanagement/shutdowndevicecommand
 */
export function shutDownDevice(): Command {
  return { requestType: 'ShutDownDevice', payload: new Map() }
}
