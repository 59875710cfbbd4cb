import type { TrialStep } from '../step.ts'

/** The channel between server and Mac, and what comes over it. */
export const CHANNEL_STEPS: readonly TrialStep[] = [
  {
    id: '1',
    isBlocking: true,
    fact: "A configuration profile's payload of the unregistered type `dev.espalier.ticket` is readable by root alone",
    run: 'install a profile with such a payload by MDM; then, as an ordinary user: `cat "/Library/Managed Preferences/dev.espalier.ticket.plist"`, `profiles show -output stdout-xml`, `defaults read dev.espalier.ticket`',
    expect: 'nothing of it; `sudo profiles show -output stdout-xml` shows `TicketID` and `Ticket`',
    otherwise:
      'macOS treats the type as a preference domain that everyone reads: the ticket must travel in an identity in the System keychain or in a signed package, or key bindings start at level `mdm-signed`',
  },
  {
    id: '2',
    fact: "The ACME client names no `notBefore`/`notAfter` in its order, and its CSR's CN is the Subject of the profile",
    run: 'enroll; look at the order and the CSR in the log at level debug',
    expect: 'an order with identifiers only; `CN=<enrollment id>`',
    otherwise: 'relax `mdm/acme/new-order.ts` or `mdm/acme/check-csr.ts` by just that',
  },
  {
    id: '3',
    fact: '`Mdm-Signature` under a P-384 key is DER, one signer, SHA-256 or SHA-384',
    run: 'enroll; `openssl cms -cmsout -print` on a captured header',
    expect: 'as said',
    otherwise: 'extend `mdm/cms/verify-signature.ts` by the digest seen; BER is converted, never accepted loosely',
  },
  {
    id: '4',
    fact: "A leaf of Apple's leaves DER defaults out and carries basicConstraints",
    run: '`espalier attest inspect reply.plist` on a DeviceInformation reply',
    expect: 'exit 0',
    otherwise: 'keep the bytes as a fixture, adapt `server/attestation/certificate-extensions.ts`',
  },
  {
    id: '5',
    fact: 'DeviceInformation without a fresh attestation answers with the last one and its older nonce',
    run: 'ask twice within seven days with two nonces',
    expect: 'the second answer carries the first nonce',
    otherwise: 'see the freshness matrix in `server/attestation/freshness.ts`',
  },
  {
    id: '6',
    fact: 'InstallProfile of the ticket needs no person at the Mac, on the login screen too',
    run: 'send it while nobody is logged in',
    expect: '`Acknowledged`',
    otherwise: 'send it at the next console login, and say so in the console',
  },
  {
    id: 'M1',
    fact: 'A Mac escrows its bootstrap token where `com.apple.mdm.bootstraptoken` is announced, and takes an empty reply to `GetBootstrapToken` for “none”',
    run: 'enroll (automated or user-approved), log in an administrator; `sudo profiles status -type bootstraptoken`',
    expect: '`supported on server: YES`, `escrowed to server: YES`',
    otherwise: 'answer `GetBootstrapToken` without a token by 404 in `mdm/checkin/get-bootstrap-token.ts`',
  },
  {
    id: 'M2',
    fact: 'A status subscription with an item that the system does not know is refused as a whole',
    run: 'declare `mdm.enrollment-type` to macOS 15; look at the status report',
    expect: 'an error for that item, and whether the others still come',
    otherwise: 'if the others come, the table of versions in `server/fleet/declarations.ts` may be dropped',
  },
  {
    id: 'M3',
    fact: 'A user-approved enrollment counts as supervised for `services.background-tasks` and takes an asset with `Authentication: None`',
    run: "declare the agent's task on a Mac enrolled by link",
    expect: '`services.background-task` reports it `enabled`',
    otherwise: 'background tasks for automated enrollments alone; else the package',
  },
  {
    id: 'M4',
    fact: 'DeviceLock with a PIN locks an Apple silicon Mac, and the PIN opens it',
    run: "Lock on the Mac's page; type the PIN at the Mac",
    expect: 'it restarts, asks for six digits, and starts',
    otherwise: 'take Recovery Lock in its place',
  },
  {
    id: 'M5',
    fact: 'EraseDevice with `ObliterationBehavior: Default` and without a PIN runs “Erase All Content and Settings”',
    run: "Erase on the Mac's page",
    expect: '`Acknowledged`, then Setup Assistant',
    otherwise: 'send a PIN; say in the console what the Mac answered',
  },
  {
    id: 'M6',
    fact: 'The Mac ends DeclarativeManagement with the reply to `declaration-items` under the told token, without a further push',
    run: 'enroll, wait five minutes, look at the log at level debug',
    expect: '`tokens` or `declaration-items` within a minute of the command',
    otherwise: '`DeclarativeState.fetchedToken` is set at `tokens`, too',
  },
]
