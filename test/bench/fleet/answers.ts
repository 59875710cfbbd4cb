import type { Attestor } from '../../software-mac/mac/attestor.ts'
import type { Device } from '../../software-mac/mac/device.ts'
import type { Plist, PlistDict } from '../../software-mac/mac/plist/write.ts'

/** What an honest Mac answers to the questions that the appliance puts to each of them; small, because thousands share a process. */
function deviceInformationAnswers(mac: Device): PlistDict {
  return {
    UDID: mac.udid,
    ProvisioningUDID: mac.provisioningUdid,
    SerialNumber: mac.serial,
    DeviceName: mac.deviceName,
    Model: mac.model,
    ModelName: mac.modelName,
    ProductName: mac.productName,
    OSVersion: mac.osVersion,
    BuildVersion: mac.osBuild,
    SupplementalBuildVersion: mac.osBuild,
    IsAppleSilicon: mac.isAppleSilicon,
    IsSupervised: mac.isSupervised,
    SoftwareUpdateDeviceID: mac.softwareUpdateDeviceId,
    HostName: mac.hostName,
    LocalHostName: mac.deviceName,
  }
}

const ATTESTATION = 'DevicePropertiesAttestation'

export async function deviceInformation(
  command: PlistDict,
  { device, attestor, signal }: { device: Device; attestor: Attestor; signal: AbortSignal },
): Promise<PlistDict> {
  const known = deviceInformationAnswers(device)
  const answers: PlistDict = {}
  for (const query of (command.Queries ?? []) as Plist[]) {
    const answer =
      query === ATTESTATION
        ? await attestor.deviceProperties(command.DeviceAttestationNonce as Uint8Array | undefined, signal)
        : known[String(query)]
    if (answer !== undefined) answers[String(query)] = answer
  }
  return { QueryResponses: answers }
}

export const securityInfo = (mac: Device): PlistDict => ({
  SecurityInfo: {
    FDE_Enabled: mac.fileVault,
    FDE_HasPersonalRecoveryKey: mac.fileVault,
    FDE_HasInstitutionalRecoveryKey: false,
    SystemIntegrityProtectionEnabled: mac.sip,
    FirewallSettings: { FirewallEnabled: true, BlockAllIncoming: false, StealthMode: true },
    FirmwarePasswordStatus: { PasswordExists: false, ChangePending: false },
    ManagementStatus: { EnrolledViaDEP: false, UserApprovedEnrollment: true, IsUserEnrollment: false, IsActivationLockManageable: true },
    SecureBoot: { SecureBootLevel: 'full', ExternalBootLevel: mac.externalBoot },
    RemoteDesktopEnabled: mac.remoteDesktop,
    AuthenticatedRootVolumeEnabled: mac.authenticatedRoot,
    BootstrapTokenAllowedForAuthentication: 'allowed',
    BootstrapTokenRequiredForSoftwareUpdate: true,
    BootstrapTokenRequiredForKernelExtensionApproval: true,
    IsRecoveryLockEnabled: false,
  },
})
