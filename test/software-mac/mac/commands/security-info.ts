import type { Device } from '../device.ts'
import type { PlistDict } from '../plist/write.ts'
import { readSystem } from '../system-state.ts'
import { type Command, RIGHT } from './command.ts'

const LEVELS = { full: 'full', reduced: 'medium', permissive: 'off' }

/** Apple: SecurityInfo. The system's own word, not signed by Apple; without the right the answer is silent about all of it. */
export const securityInfo: Command = async (_command, { accessRights, device, directory, misbehaviour }) => {
  if ((accessRights & RIGHT.querySecurity) === 0) return {}
  const isSipOn = misbehaviour.securityInfo === 'contradict' ? !device().sip : device().sip
  const isRecoveryLocked = readSystem(directory).recoveryLock !== undefined
  return { SecurityInfo: { ...describe(device(), isSipOn), IsRecoveryLockEnabled: isRecoveryLocked } }
}

const describe = (mac: Device, isSipOn: boolean): PlistDict => ({
  FDE_Enabled: mac.fileVault,
  FDE_HasPersonalRecoveryKey: mac.fileVault,
  FDE_HasInstitutionalRecoveryKey: false,
  SystemIntegrityProtectionEnabled: isSipOn,
  FirewallSettings: { FirewallEnabled: true, BlockAllIncoming: false, StealthMode: true, Applications: [], LoggingEnabled: true },
  // Apple silicon has no firmware password.
  FirmwarePasswordStatus: { PasswordExists: false, ChangePending: false },
  ManagementStatus: {
    EnrolledViaDEP: mac.isEnrolledViaAde,
    UserApprovedEnrollment: true,
    IsUserEnrollment: mac.isUserEnrollment,
    IsActivationLockManageable: mac.isSupervised,
  },
  SecureBoot: {
    SecureBootLevel: LEVELS[mac.secureBoot],
    ExternalBootLevel: mac.externalBoot,
    ...(mac.secureBoot === 'reduced'
      ? { ReducedSecurity: [{ AllowsAnyAppleSignedOS: false, AllowsUserKextApproval: mac.kexts, AllowsMDM: false }] }
      : {}),
  },
  RemoteDesktopEnabled: mac.remoteDesktop,
  AuthenticatedRootVolumeEnabled: mac.authenticatedRoot,
  BootstrapTokenAllowedForAuthentication: 'allowed',
  BootstrapTokenRequiredForSoftwareUpdate: true,
  BootstrapTokenRequiredForKernelExtensionApproval: true,
})
