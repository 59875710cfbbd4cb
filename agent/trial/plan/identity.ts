import type { TrialStep } from '../step.ts'

/** What the identities of MDM rest on beside their attestation. */
export const IDENTITY_STEPS: readonly TrialStep[] = [
  {
    id: 'I1',
    fact: 'The ACME client installs a certificate whose extended key usage is another than the payload asked for, or asked for none (re-attestation: document signing in place of client authentication)',
    run: '“Refresh attestation”; look at the reply to InstallProfile',
    expect: '`Acknowledged`, and the profile is removed by the next command',
    otherwise: 'issue it without extended key usage; that it is nobody’s identity is checked by its row as well',
  },
  {
    id: 'I2',
    fact: 'The SCEP client signs with SHA-256 and encrypts with AES where GetCACaps announces them, and decrypts a reply encrypted with the same AES',
    run: 'with `ESPALIER_SCEP=on`, invite an Intel Mac by SCEP; `openssl cms -cmsout -print -inform DER` of the message that it posts to /scep',
    expect: '`sha256` and `aes-128-cbc` or `aes-256-cbc`; the Mac enrolls',
    otherwise: 'accept the digest that was seen in `mdm/scep` alone; never in `Mdm-Signature`',
  },
  {
    id: 'I3',
    fact: 'Another MDM server’s InstallProfile of our exported profile makes an attested key, although the payload belongs to no MDM enrollment of ours',
    run: 'export the profile for a Mac that is enrolled elsewhere; install it by that server',
    expect: 'the Mac’s timeline says that its identity was attested',
    otherwise: 'the other server must carry the ACME payload in a profile of its own, with this ClientIdentifier and directory',
  },
  {
    id: 'I4',
    fact: 'With a TLS server that asks for a certificate, mdmclient presents the identity that its profile names, in no message another',
    run: 'with `ESPALIER_CLIENT_CERTIFICATES=listener`, enroll and renew; look for `CLIENT_CERT_MISMATCH` in the log',
    expect: 'none',
    otherwise: 'leave ESPALIER_CLIENT_CERTIFICATES off: the signature authenticates',
  },
]
