/**
 * What the profile asks for, bit by bit (Apple: MDM profile, AccessRights). A right can never be added later without enrolling
 * again, and a query without its right is acknowledged with the key silently left out.
 */
const INSPECT_PROFILES = 1
const INSTALL_PROFILES = 2
/** DeviceLock, RestartDevice, ShutDownDevice, Recovery Lock, RotateFileVaultKey. */
const LOCK = 4
const ERASE = 8
const QUERY_DEVICE_INFORMATION = 16
const INSPECT_APPLICATIONS = 256
const SECURITY_QUERIES = 1024
const SETTINGS = 2048
const MANAGE_APPLICATIONS = 4096

/** 7455: all that the commands of `mdm/commands/` need; nothing of networks, provisioning profiles or restrictions. */
export const ACCESS_RIGHTS =
  INSPECT_PROFILES |
  INSTALL_PROFILES |
  LOCK |
  ERASE |
  QUERY_DEVICE_INFORMATION |
  INSPECT_APPLICATIONS |
  SECURITY_QUERIES |
  SETTINGS |
  MANAGE_APPLICATIONS

/** The right that a command needs; what is not named needs none (Apple's schema, `accessrights`). */
export const RIGHT_FOR: Readonly<Record<string, number>> = {
  ProfileList: INSPECT_PROFILES,
  CertificateList: INSPECT_PROFILES,
  InstallProfile: INSTALL_PROFILES,
  RemoveProfile: INSTALL_PROFILES,
  DeviceLock: LOCK,
  RestartDevice: LOCK,
  ShutDownDevice: LOCK,
  SetRecoveryLock: LOCK,
  VerifyRecoveryLock: LOCK,
  RotateFileVaultKey: LOCK,
  EraseDevice: ERASE,
  DeviceInformation: QUERY_DEVICE_INFORMATION,
  InstalledApplicationList: INSPECT_APPLICATIONS,
  SecurityInfo: SECURITY_QUERIES,
  Settings: SETTINGS,
  InstallEnterpriseApplication: MANAGE_APPLICATIONS,
}
