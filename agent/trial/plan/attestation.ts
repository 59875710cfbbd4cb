import type { TrialStep } from '../step.ts'

/** Apple's attestation, and the identities that rest on it. */
export const ATTESTATION_STEPS: readonly TrialStep[] = [
  {
    id: 'A1',
    fact: 'A virtual Mac on Apple silicon gets no attestation over ACME nor in DeviceInformation',
    run: '`sysctl -n kern.hv_vmm_present` on the Mac itself; then enroll a virtual Mac that runs on it',
    expect: '`0` on the Mac; of the virtual one, `NO_ATTESTATION` or an ACME challenge without `attObj`',
    otherwise: 'refuse models named `VirtualMac…` by policy: an attested guest says nothing of its host',
    probe: { command: ['/usr/sbin/sysctl', '-n', 'kern.hv_vmm_present'], output: /^0\s*$/ },
  },
  {
    id: 'A2',
    isBlocking: true,
    fact: 'A second `com.apple.security.acme` payload in a profile of its own makes a new key with a new attestation each time, however short ago the last one was, and touches no other identity',
    run: '“Refresh attestation” on the Mac’s page, three times within an hour',
    expect: 'three attestations of source `acme_reattestation`, each with its own freshness; the Mac goes on answering MDM',
    otherwise: 'evidence is refreshed by DeviceInformation every seven days, and `bootGap` must be `grace`',
  },
  {
    id: 'A3',
    isBlocking: true,
    fact: 'The enrollment profile sent again with the same identifiers and a new ACME payload changes the Mac’s MDM identity without a person, and the old one is used until the new certificate is there',
    run: '“Renew identity” on the Mac’s page; look at which certificate signs the reply to that InstallProfile, and the message after it',
    expect: '`Acknowledged`; from the reply or the next message on the new certificate',
    otherwise: 'adapt `mdm/enrollment/further-identity.ts`; where the Mac refuses, enroll again before the certificate’s end',
  },
  {
    id: 'A4',
    fact: 'CertificateList names the hardware-bound MDM identity, and of a renewed one the new certificate alone',
    run: 'CertificateList after A3, with `ManagedOnly` true',
    expect: 'one identity, the new one',
    otherwise: 'judge by the newest certificate, as for SCEP',
  },
  {
    id: 'A5',
    fact: 'An update of macOS makes the next DeviceInformation attestation a fresh one, within seven days',
    run: 'update macOS; “Refresh attestation” by DeviceInformation',
    expect: 'a new leaf with the new OS version',
    otherwise: 'after an update the Mac waits for ACME re-attestation',
  },
  {
    id: 'A6',
    fact: 'A first DeviceInformation attestation that is asked for without a nonce carries no freshness code',
    run: 'enroll a Mac that was never attested; ask without `DeviceAttestationNonce`',
    expect: 'no 1.2.840.113635.100.8.11.1 in the leaf',
    otherwise: 'nothing: attestations without our nonce are never believed',
  },
  {
    id: 'A7',
    fact: 'ProvisioningUDID, which Apple attests, is told apart from the UDID of MDM',
    run: '`system_profiler SPHardwareDataType`',
    expect: 'both `Hardware UUID` and `Provisioning UDID`, and they differ',
    otherwise: 'see `server/attestation/checks/device.ts`: the attested UDID is compared with what DeviceInformation names',
    probe: {
      command: ['/usr/sbin/system_profiler', 'SPHardwareDataType'],
      output: /Hardware UUID: [0-9A-F-]{36}[\s\S]*Provisioning UDID: [0-9A-F]{8}-[0-9A-F]{16}/,
    },
  },
  {
    id: 'A8',
    fact: 'The leaf of an ACME attestation states SIP, Secure Boot and kernel extensions, as one of DeviceInformation does',
    run: '“Refresh attestation” on the Mac’s page; `espalier attest inspect` of the attestation object that its evidence shows',
    expect: 'exit 0: 1.2.840.113635.100.8.13.1, .13.2 and .13.3 are there',
    otherwise:
      'such a leaf is no news of the posture (`server/fleet/choose-attestation.ts`): the fleet lives by DeviceInformation, and its policy’s greatest age is set to up to eight days',
  },
  {
    id: 'A9',
    fact: 'The agent reads the version of macOS as Apple attests it, after an update and a Rapid Security Response, too',
    run: '`sw_vers -productVersion`; “Refresh attestation” on the Mac’s page',
    expect: 'the attested 1.2.840.113635.100.8.10.1 is the same version, never a newer one',
    otherwise:
      'an older version than attested is `OS_CONFLICT` and quarantines: compare as many parts of the version as both give, in `server/attestation/contradiction.ts`',
    probe: { command: ['/usr/bin/sw_vers', '-productVersion'], output: /^\d+(\.\d+){0,2}\s*$/ },
  },
]
