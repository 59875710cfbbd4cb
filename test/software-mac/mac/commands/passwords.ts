import { envelope } from '../../apple/cms-envelope.ts'
import type { PlistDict } from '../plist/write.ts'
import { changeSystem, newRecoveryKey, readSystem, USER_PASSWORD } from '../system-state.ts'
import {
  type Command,
  CommandFailed,
  CommandFormatError,
  dictOf,
  MDM_DOMAIN,
  optionalString,
  RIGHT,
  requireRight,
  stringOf,
} from './command.ts'

/** Apple: SetRecoveryLock (Apple silicon). An empty password takes the lock off; a lock that stands wants its password first. */
export const setRecoveryLock: Command = async (command, context) => {
  requireRight(context, RIGHT.lockAndPasscode, 'set the Recovery Lock')
  if (!context.device().isAppleSilicon) throw new CommandFailed(12_036, MDM_DOMAIN, 'Recovery Lock needs Apple silicon')
  const next = stringOf(command, 'NewPassword')
  const { recoveryLock } = readSystem(context.directory)
  if (recoveryLock !== undefined && optionalString(command, 'CurrentPassword') !== recoveryLock) {
    throw new CommandFailed(12_068, MDM_DOMAIN, 'the current Recovery Lock password is wrong or missing')
  }
  changeSystem(context.directory, ({ recoveryLock: _old, ...state }) => (next === '' ? state : { ...state, recoveryLock: next }))
  return {}
}

/** Apple: VerifyRecoveryLock. */
export const verifyRecoveryLock: Command = async (command, context) => {
  requireRight(context, RIGHT.lockAndPasscode, 'verify the Recovery Lock')
  return { PasswordVerified: stringOf(command, 'Password') === readSystem(context.directory).recoveryLock }
}

const FILE_VAULT_DOMAIN = 'FDEErrorDomain'

/** Apple: RotateFileVaultKey, of the personal recovery key of an APFS volume; institutional keys are of the past there. */
export const rotateFileVaultKey: Command = async (command, context) => {
  requireRight(context, RIGHT.lockAndPasscode, 'rotate the FileVault key')
  const kind = stringOf(command, 'KeyType')
  if (kind !== 'personal' && kind !== 'institutional') throw new CommandFormatError('KeyType is unknown')
  const password = stringOf(dictOf(command.FileVaultUnlock, 'FileVaultUnlock'), 'Password')
  const certificate = command.ReplyEncryptionCertificate
  if (certificate !== undefined && !(certificate instanceof Uint8Array))
    throw new CommandFormatError('ReplyEncryptionCertificate is not data')
  if (kind === 'institutional') throw new CommandFailed(-69_594, FILE_VAULT_DOMAIN, 'an APFS volume has no institutional recovery key')
  if (!context.device().fileVault) throw new CommandFailed(-69_595, FILE_VAULT_DOMAIN, 'FileVault is off')
  if (password !== USER_PASSWORD) throw new CommandFailed(-69_589, FILE_VAULT_DOMAIN, 'the password does not unlock the volume')
  return rotate(context.directory, certificate)
}

/** The envelope comes before the change: a key that nobody could be told of is not made. */
function rotate(directory: string, certificate: Uint8Array | undefined): PlistDict {
  const key = newRecoveryKey()
  const sealed = certificate === undefined ? undefined : enveloped(key, certificate)
  changeSystem(directory, (state) => ({ ...state, fileVaultRecoveryKey: key }))
  return sealed === undefined ? { RotateResult: {} } : { RotateResult: { EncryptedNewRecoveryKey: sealed } }
}

function enveloped(key: string, certificate: Uint8Array): Uint8Array {
  try {
    return envelope({ content: Buffer.from(key), certificate, cipher: 'aes-256-cbc' })
  } catch {
    throw new CommandFailed(-69_590, FILE_VAULT_DOMAIN, 'ReplyEncryptionCertificate cannot be encrypted to')
  }
}
