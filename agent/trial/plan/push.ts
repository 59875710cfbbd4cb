import type { TrialStep } from '../step.ts'

/** Apple's push service, and the certificate for it. */
export const PUSH_STEPS: readonly TrialStep[] = [
  {
    id: 'P1',
    fact: "Apple's MDM push certificates name an issuer of organisation “Apple Inc.” (CN “Apple Application Integration 2 Certification Authority”), and a topic `com.apple.mgmt.External.…` as the subject's UID",
    run: '`openssl x509 -in FILE -noout -issuer -subject` on a fresh one',
    expect: 'as said',
    otherwise: '`push import --any-issuer`; correct `server/push/certificate.ts`',
  },
  {
    id: 'P2',
    fact: 'identity.apple.com takes the signed request of `push vendor-sign` (base64 of the property list, signature RSA-SHA256, chain vendor, WWDR, root), and “Renew” keeps the topic',
    run: 'upload it; import what comes; renew it a day later',
    expect: '`installed`, then `renewed` with the same topic',
    otherwise: "sign with SHA-1 as Apple's older guide says (`server/push/signed-request.ts`)",
  },
  {
    id: 'P3',
    fact: 'mdmcert.download mails EnvelopedData in hexadecimal that node-forge opens, and what is in it is the property list in base64',
    run: 'the whole way with a registered address; `espalier push vendor-sign --mail FILE`',
    expect: '`signed`',
    otherwise: 'keep the mail as a fixture; extend `toDer` in `server/push/mdmcert.ts`',
  },
  {
    id: 'P4',
    fact: 'A Mac that was erased or whose profile was removed offline makes APNs answer 410 Unregistered or 400 BadDeviceToken, and any later TokenUpdate brings another token',
    run: 'erase an enrolled Mac, queue a command; look at its page',
    expect: '“Apple gave its push token up” within a day',
    otherwise: 'the Mac is merely silent: nothing else changes',
  },
  {
    id: 'P5',
    fact: 'A Mac that sleeps through several pushes hears one when it wakes, within 24 hours',
    run: 'queue a command while the lid is closed; open it hours later',
    expect: 'the command is answered within a minute of waking',
    otherwise: 'remind more often: `REMINDER` in `server/push/wake-queue.ts`',
  },
]
