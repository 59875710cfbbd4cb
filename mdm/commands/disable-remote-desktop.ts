import type { Command } from '../ports.ts'

/** Apple: DisableRemoteDesktop. Supervised Macs only. https://developer.apple.com/documentation/devicemanagement/disableremotedesktopcommand */
export function disableRemoteDesktop(): Command {
  return { requestType: 'DisableRemoteDesktop', payload: new Map() }
}
