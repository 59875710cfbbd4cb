import type { TrialStep } from '../step.ts'

/** What macOS does with our commands and profiles. */
export const MANAGEMENT_STEPS: readonly TrialStep[] = [
  {
    id: 'N1',
    fact: 'macOS answers CommandFormatError to a nonce of 33 bytes or none, to missing or empty Queries, and to a query that is no string (seen in the parser of an iOS-family build)',
    run: 'send each of the four',
    expect: '`CommandFormatError`',
    otherwise: 'an `Error` is settled in the same way; nothing rests on the difference',
  },
  {
    id: 'N2',
    fact: 'A query whose AccessRight is missing is acknowledged and left out without a word',
    run: 'enroll with rights 8191 − 1024; SecurityInfo',
    expect: '`Acknowledged` without `SecurityInfo`',
    otherwise: '`RIGHTS_INSUFFICIENT` would show as a failed command',
  },
  {
    id: 'N3',
    fact: 'MachineInfo is signed with RSA, its content in pieces, under the Apple iPhone Device CA',
    run: 'enroll a Mac by Automated Device Enrollment; `openssl cms -cmsout -print -inform DER` of the body',
    expect: 'one signer whose issuer is `Apple iPhone Device CA`, SHA-1 or SHA-256',
    otherwise: 'add the authority that was seen in `mdm/ade/apple-device-ca.ts`',
  },
  {
    id: 'N4',
    fact: 'After DeviceConfigured the Mac sends a TokenUpdate that no longer says AwaitingConfiguration',
    run: 'as in N3, with `await_device_configured`; look at the check-ins in the log at level debug',
    expect: 'a TokenUpdate within a minute',
    otherwise: 'take the `Acknowledged` of DeviceConfigured for the end of Setup Assistant’s wait',
  },
  {
    id: 'N5',
    fact: 'A Mac that another server manages is moved here by Apple Business’s migration (macOS 26) without being erased',
    run: 'assign the Mac to this server with a deadline in Apple Business',
    expect: 'enrolled here at the deadline, its files untouched',
    otherwise: 'the Mac is erased, or unenrolled by hand first: say so in the set-up',
  },
  {
    id: 'N6',
    fact: 'InstallEnterpriseApplication takes a distribution package signed by a Developer ID Installer and notarised, and refuses an unsigned one',
    run: 'send both; `pkgutil --check-signature` and InstalledApplicationList afterwards',
    expect: 'the signed one installed, the other not',
    otherwise: 'releases for macOS go through a declared background task',
  },
  {
    id: 'N7',
    fact: '`ReducedSecurity` of SecurityInfo is an array of one dictionary, there only at level medium',
    run: 'a Mac with Reduced Security; SecurityInfo',
    expect: 'as said',
    otherwise: 'adapt `mdm/commands/security-info.ts`',
  },
  {
    id: 'N8',
    fact: 'RestartDevice, ShutDownDevice and SetRecoveryLock need AccessRights 4, RotateFileVaultKey too, DeviceConfigured none',
    run: 'send each with rights 5395',
    expect: '`Error` for the first four',
    otherwise: 'correct the rights that the console names',
  },
  {
    id: 'N9',
    fact: 'A root in a profile that a person installs by hand (`com.apple.security.root`) is trusted for TLS without a further step, so that Safari opens the enrollment link',
    run: 'install the trust profile of the set-up; `curl -sS https://ESPALIER/healthz`; open the enrollment link in Safari',
    expect: 'no certificate error in either',
    otherwise: 'say in the set-up that the root is to be set to “Always Trust” in Keychain Access, or trusted by another MDM server first',
  },
  {
    id: 'N10',
    fact: 'A Mac enrolled automatically under `anchor_certs` goes on reaching the server by the root payload of its enrollment profile, with no pinned certificate',
    run: 'enroll through Apple Business under a private authority; an hour later “Refresh” on the Mac’s page',
    expect: 'the command is acknowledged; `security verify-cert -c server.pem -p ssl` succeeds',
    otherwise:
      'pin the authority with `ServerURLPinningCertificateUUIDs` in `mdm/enrollment/profile.ts`, and renew identities before it changes',
  },
  {
    id: 'N11',
    fact: 'Apple names a Mac’s `mdm_migration_deadline` to protocol version 8, and leaves it out, or null, once it has enrolled here',
    run: 'assign a managed Mac to this server with a deadline; look at Moving from another MDM under Set-up, before and after',
    expect: 'the Mac stands there with its deadline, and is gone after it has enrolled',
    otherwise: 'nothing: a Mac that is enrolled here is not shown whatever Apple says',
  },
  {
    id: 'N12',
    fact: 'Which hosts a Mac speaks to while it has itself attested',
    run: 'while “Refresh attestation” runs: `sudo tcpdump -ni any port 53 or port 853`, or the firewall’s log',
    expect: 'names under `apple.com`',
    otherwise: 'name them in `server/setup/egress.ts` in the place of `*.apple.com`',
  },
  {
    id: 'N13',
    fact: 'System Settings shows a profile as verified that is signed, with its intermediates, under an authority which the Mac trusts, whatever the certificate’s extended key usage is',
    run: 'import a signing certificate under Set-up; open an enrollment link',
    expect: '“Verified”, with the company’s name',
    otherwise: 'say in the set-up which key usages macOS wants; refuse others in `server/setup/signer-file.ts`',
  },
]
