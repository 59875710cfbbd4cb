import type { Command } from '../ports.ts'

/**
 * Apple: EnableRemoteDesktop. Supervised Macs only. A Mac with Remote Desktop on fails the policy's default.
 * https://developer.apple.com/documentation/devicemanagement/enableremotedesktopcommand
 */
export function enableRemoteDesktop(): Command {
  return { requestType: 'EnableRemoteDesktop', payload: new Map() }
}
