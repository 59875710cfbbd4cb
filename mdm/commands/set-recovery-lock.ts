import { plistDict } from '../plist/value.ts'
import type { Command } from '../ports.ts'
import { requireRecoveryPassword } from './arguments.ts'

/**
 * Apple: SetRecoveryLock (Apple silicon). Needs AccessRights 4. `newPassword: 'none'` takes the lock off. The queue keeps the
 * password sealed while it waits; whoever sends it keeps it.
 * https://developer.apple.com/documentation/devicemanagement/setrecoverylockcommand
 */
export function setRecoveryLock(options: { newPassword: { password: string } | 'none'; currentPassword?: string }): Command {
  const { newPassword, currentPassword } = options
  const payload = plistDict({
    // Apple: an empty string clears the lock.
    NewPassword: newPassword === 'none' ? '' : requireRecoveryPassword(newPassword.password),
    CurrentPassword: currentPassword === undefined ? undefined : requireRecoveryPassword(currentPassword),
  })
  return { requestType: 'SetRecoveryLock', payload }
}
