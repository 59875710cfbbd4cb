import { plistDict } from '../plist/value.ts'
import type { Command } from '../ports.ts'

/** Apple: RemoveProfile, by PayloadIdentifier. A profile that is not there is answered with Error. */
export function removeProfile(identifier: string): Command {
  return { requestType: 'RemoveProfile', payload: plistDict({ Identifier: identifier }) }
}
