import { arrayAt, booleanAt, dictAt, type PlistDict, stringAt } from '../plist/value.ts'
import type { Command, Reply } from '../ports.ts'

/** Apple: SecurityInfo. Needs AccessRights 1024. https://developer.apple.com/documentation/devicemanagement/securityinfocommand */
export function securityInfo(): Command {
  return { requestType: 'SecurityInfo', payload: new Map() }
}

/** What the Mac's OS says of itself: nobody signs it, so it can contradict an attestation but never replace one. Plain JSON. */
export type SecurityReport = {
  fileVaultEnabled: boolean | null
  fileVaultHasPersonalRecoveryKey: boolean | null
  fileVaultHasInstitutionalRecoveryKey: boolean | null
  systemIntegrityProtectionEnabled: boolean | null
  authenticatedRootVolumeEnabled: boolean | null
  remoteDesktopEnabled: boolean | null
  recoveryLockEnabled: boolean | null
  bootstrapTokenAllowedForAuthentication: string | null
  bootstrapTokenRequiredForSoftwareUpdate: boolean | null
  bootstrapTokenRequiredForKernelExtensionApproval: boolean | null
  secureBoot: {
    /** off, medium, full or "not supported" */
    level: string | null
    /** allowed, disallowed or "not supported" */
    externalBoot: string | null
    /** Only where the level is medium. */
    reduced: { allowsAnyAppleSignedOS: boolean | null; allowsUserKextApproval: boolean | null; allowsMDM: boolean | null } | null
  }
  firewall: { enabled: boolean | null; blocksAllIncoming: boolean | null; stealthMode: boolean | null }
  firmwarePassword: { exists: boolean | null; changePending: boolean | null }
  management: {
    enrolledViaDep: boolean | null
    userApprovedEnrollment: boolean | null
    isUserEnrollment: boolean | null
    isActivationLockManageable: boolean | null
  }
}

/** RIGHTS_INSUFFICIENT: acknowledged, yet the report is missing or empty: the profile's AccessRights lack 1024. */
export function parseSecurityInfo(
  reply: Pick<Reply, 'plist'>,
): { ok: true; report: SecurityReport } | { ok: false; fault: 'RIGHTS_INSUFFICIENT' } {
  const info = dictAt(reply.plist, 'SecurityInfo')
  return info === undefined || info.size === 0 ? { ok: false, fault: 'RIGHTS_INSUFFICIENT' } : { ok: true, report: readReport(info) }
}

function readReport(info: PlistDict): SecurityReport {
  const yes = flags(info)
  return {
    fileVaultEnabled: yes('FDE_Enabled'),
    fileVaultHasPersonalRecoveryKey: yes('FDE_HasPersonalRecoveryKey'),
    fileVaultHasInstitutionalRecoveryKey: yes('FDE_HasInstitutionalRecoveryKey'),
    systemIntegrityProtectionEnabled: yes('SystemIntegrityProtectionEnabled'),
    authenticatedRootVolumeEnabled: yes('AuthenticatedRootVolumeEnabled'),
    remoteDesktopEnabled: yes('RemoteDesktopEnabled'),
    recoveryLockEnabled: yes('IsRecoveryLockEnabled'),
    bootstrapTokenAllowedForAuthentication: word(info, 'BootstrapTokenAllowedForAuthentication'),
    bootstrapTokenRequiredForSoftwareUpdate: yes('BootstrapTokenRequiredForSoftwareUpdate'),
    bootstrapTokenRequiredForKernelExtensionApproval: yes('BootstrapTokenRequiredForKernelExtensionApproval'),
    secureBoot: readSecureBoot(dictAt(info, 'SecureBoot') ?? new Map()),
    ...readOtherParts(info),
  }
}

function readSecureBoot(secureBoot: PlistDict): SecurityReport['secureBoot'] {
  // The schema calls it an array of one dict; a bare dict is read too.
  const listed = arrayAt(secureBoot, 'ReducedSecurity')?.[0]
  const reduced = listed instanceof Map ? listed : dictAt(secureBoot, 'ReducedSecurity')
  const yes = flags(reduced ?? new Map())
  return {
    level: word(secureBoot, 'SecureBootLevel'),
    externalBoot: word(secureBoot, 'ExternalBootLevel'),
    reduced:
      reduced === undefined
        ? null
        : {
            allowsAnyAppleSignedOS: yes('AllowsAnyAppleSignedOS'),
            allowsUserKextApproval: yes('AllowsUserKextApproval'),
            allowsMDM: yes('AllowsMDM'),
          },
  }
}

function readOtherParts(info: PlistDict): Pick<SecurityReport, 'firewall' | 'firmwarePassword' | 'management'> {
  const firewall = flags(dictAt(info, 'FirewallSettings') ?? new Map())
  const firmware = flags(dictAt(info, 'FirmwarePasswordStatus') ?? new Map())
  const management = flags(dictAt(info, 'ManagementStatus') ?? new Map())
  return {
    firewall: {
      enabled: firewall('FirewallEnabled'),
      blocksAllIncoming: firewall('BlockAllIncoming'),
      stealthMode: firewall('StealthMode'),
    },
    firmwarePassword: { exists: firmware('PasswordExists'), changePending: firmware('ChangePending') },
    management: {
      enrolledViaDep: management('EnrolledViaDEP'),
      userApprovedEnrollment: management('UserApprovedEnrollment'),
      isUserEnrollment: management('IsUserEnrollment'),
      isActivationLockManageable: management('IsActivationLockManageable'),
    },
  }
}

const flags =
  (dict: PlistDict) =>
  (key: string): boolean | null =>
    booleanAt(dict, key) ?? null

const word = (dict: PlistDict, key: string): string | null => stringAt(dict, key)?.slice(0, 64) ?? null
