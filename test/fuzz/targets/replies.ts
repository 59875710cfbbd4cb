import { parseCertificateList } from '../../../mdm/commands/certificate-list.ts'
import { parseDeviceInformation } from '../../../mdm/commands/device-information.ts'
import { parseDeviceLock } from '../../../mdm/commands/device-lock.ts'
import { parseInstalledApplicationList } from '../../../mdm/commands/installed-application-list.ts'
import { parseProfileList } from '../../../mdm/commands/profile-list.ts'
import { parseRotateFileVaultKey } from '../../../mdm/commands/rotate-filevault-key.ts'
import { parseSecurityInfo } from '../../../mdm/commands/security-info.ts'
import { parseSettings } from '../../../mdm/commands/settings.ts'
import { parseVerifyRecoveryLock } from '../../../mdm/commands/verify-recovery-lock.ts'
import { parsePlistDict } from '../../../mdm/plist/parse-plist.ts'
import { type PlistDict, type PlistValue, plistDict } from '../../../mdm/plist/value.ts'
import { writePlistBytes } from '../../../mdm/plist/write-plist.ts'
import { writeBinaryPlist } from '../../../mdm/testing/write-binary-plist.ts'
import { parseDeviceInformation as parseAttested } from '../../../server/attestation/device-information.ts'
import { parseSecurityReport } from '../../../server/attestation/security-report.ts'
import { createLaboratory } from '../../conformance/mda/laboratory.ts'
import { hold, type Input, one, same, type Target } from '../target.ts'

export const replies: Target = {
  name: 'replies',
  about: 'Replies to commands: every reader gives bounded facts and few faults, and both readers of an attestation see the same chain.',
  shape: 'text',
  words: [
    '<dict>',
    '</dict>',
    '<array>',
    '</array>',
    '<key>',
    '</key>',
    '<string>',
    '</string>',
    '<data>',
    '</data>',
    '<integer>',
    '<true/>',
    '<false/>',
    '<array/>',
  ],
  open: async () => {
    const values = sampleReplies()
    return { corpus: [...values.map((value) => one(writePlistBytes(value))), ...values.map((value) => one(writeBinaryPlist(value)))], run }
  },
}

function sampleReplies(): PlistDict[] {
  const acknowledged = (members: Record<string, PlistValue>) =>
    plistDict({ Status: 'Acknowledged', UDID: 'A', CommandUUID: 'C', ...members })
  const chain = createLaboratory('fuzz').chain()
  return [
    acknowledged({
      QueryResponses: plistDict({
        ...{ SerialNumber: '0HXK2Q9ABC', ProvisioningUDID: '00006030-0001020304050607', DevicePropertiesAttestation: chain },
        ...{ OSVersion: '26.1', IsAppleSilicon: true, MDMOptions: plistDict({ BootstrapTokenAllowed: true }) },
      }),
    }),
    acknowledged({
      SecurityInfo: plistDict({
        ...{ FDE_Enabled: true, SystemIntegrityProtectionEnabled: true, BootstrapTokenAllowedForAuthentication: 'allowed' },
        SecureBoot: plistDict({
          ...{ SecureBootLevel: 'medium', ExternalBootLevel: 'disallowed' },
          ReducedSecurity: [plistDict({ AllowsAnyAppleSignedOS: true })],
        }),
        ManagementStatus: plistDict({ EnrolledViaDEP: true, UserApprovedEnrollment: true }),
        FirewallSettings: plistDict({ FirewallEnabled: true }),
      }),
    }),
    acknowledged({ CertificateList: [plistDict({ CommonName: 'espalier', Data: chain[0] as Uint8Array, IsIdentity: false })] }),
    acknowledged({ ProfileList: [plistDict({ PayloadIdentifier: 'p', PayloadUUID: 'u', PayloadDisplayName: 'd', PayloadContent: [] })] }),
    acknowledged({
      InstalledApplicationList: [plistDict({ Identifier: 'a', Name: 'n', Version: '1', BundleSize: 5n, Installing: false })],
    }),
    acknowledged({ Settings: [plistDict({ Item: 'DeviceName', Status: 'Error', ErrorChain: [plistDict({ ErrorCode: 1n })] })] }),
    acknowledged({
      MessageResult: 'Success',
      PasswordVerified: true,
      RotateResult: plistDict({ EncryptedNewRecoveryKey: Uint8Array.of(1) }),
    }),
  ]
}

function run([bytes = new Uint8Array()]: Input): string {
  const parsed = parsePlistDict(bytes)
  const attested = parseAttested(bytes)
  if (!parsed.ok) return parsed.code
  const reply = { plist: parsed.value }
  const information = parseDeviceInformation(reply)
  const chain = attested.ok ? attested.reply.chain : undefined
  if (information.attestation !== undefined) {
    const isSame =
      chain?.length === information.attestation.length && information.attestation.every((der, at) => same(der, chain[at] as Uint8Array))
    hold('both readers of an attestation see the same chain', isSame)
  }
  const lists = [
    parseCertificateList,
    parseProfileList,
    parseInstalledApplicationList,
    parseSettings,
    parseRotateFileVaultKey,
    parseVerifyRecoveryLock,
    parseDeviceLock,
  ]
  const read = lists.map((parse) => parse(reply))
  hold(
    'faults are few and short',
    read.every(({ faults }) => faults.length <= 16 && faults.every((fault: string) => fault.length < 400)),
  )
  hold(
    'facts are short',
    Object.values(information.facts).every((fact) => typeof fact !== 'string' || fact.length <= 256),
  )
  const security = parseSecurityInfo(reply)
  if (security.ok)
    hold('a security report is plain JSON', JSON.stringify(JSON.parse(JSON.stringify(security.report))) === JSON.stringify(security.report))
  const judged = security.ok ? parseSecurityReport(security.report) !== undefined : undefined
  return `${information.faults.join()} ${judged} ${read.map(({ faults }) => faults[0]?.replace(/\d+/g, '') ?? '').join('|')}`
}
