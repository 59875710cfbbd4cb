import { plistDict } from '../plist/value.ts'
import type { Command, Reply } from '../ports.ts'
import { requireText } from './arguments.ts'
import { type ReplyFault, readReply } from './reply-reader.ts'

const MAX_CERTIFICATE_BYTES = 16 * 1024
const MAX_ENVELOPE_BYTES = 64 * 1024
const MAX_PASSWORD = 1024

/**
 * Apple: RotateFileVaultKey, for the personal recovery key of an APFS volume. Needs AccessRights 4. The new key comes back encrypted
 * to `replyCertificate` (DER, RSA): without one the Mac would send nothing that could be kept, so it is required here.
 * https://developer.apple.com/documentation/devicemanagement/rotatefilevaultkeycommand
 */
export function rotateFileVaultKey(options: { unlockPassword: string; replyCertificate: Uint8Array }): Command {
  const { replyCertificate } = options
  if (replyCertificate.length === 0 || replyCertificate.length > MAX_CERTIFICATE_BYTES)
    throw new TypeError('a certificate in DER is needed')
  const payload = plistDict({
    KeyType: 'personal',
    FileVaultUnlock: plistDict({ Password: requireText(options.unlockPassword, 'a FileVault password', MAX_PASSWORD) }),
    ReplyEncryptionCertificate: replyCertificate,
  })
  return { requestType: 'RotateFileVaultKey', payload }
}

/** The new recovery key in CMS EnvelopedData, as it came: it is opened or stored by whoever holds the key, never logged. */
export function parseRotateFileVaultKey(reply: Pick<Reply, 'plist'>): {
  encryptedRecoveryKey: Uint8Array | undefined
  faults: ReplyFault[]
} {
  const read = readReply(reply.plist)
  const result = read.dict('RotateResult')
  if (result === undefined) read.missing('RotateResult')
  const envelope = result?.data('EncryptedNewRecoveryKey', MAX_ENVELOPE_BYTES)
  if (result !== undefined && envelope === undefined) result.missing('EncryptedNewRecoveryKey')
  return { encryptedRecoveryKey: envelope, faults: read.faults }
}
