import type { Command } from '../ports.ts'

/**
 * Apple: DeviceConfigured. Lets a Mac that waits in Setup Assistant (`await_device_configured`) go on. It is queued last, so that
 * everything before it is there when a person first sees the desktop.
 * https://developer.apple.com/documentation/devicemanagement/deviceconfiguredcommand
 */
export function deviceConfigured(): Command {
  return { requestType: 'DeviceConfigured', payload: new Map() }
}
