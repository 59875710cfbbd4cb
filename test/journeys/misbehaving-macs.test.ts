import { test } from 'vitest'
import { fleetStatus, until } from './support/appliance.ts'
import { withBareAppliance } from './support/bare-appliance.ts'
import { startMac } from './support/fleet.ts'

/** Each Mac lies or is broken in one way; each must end refused with just the reason for that. */
const CASES: { serial: string; name: string; args: string[]; reasons: string[] }[] = [
  { serial: 'MISBEHAVE001', name: 'System Integrity Protection off', args: ['--sip', 'off'], reasons: ['SIP_DISABLED'] },
  { serial: 'MISBEHAVE002', name: 'Reduced Security', args: ['--secure-boot', 'reduced'], reasons: ['BOOT_REDUCED'] },
  { serial: 'MISBEHAVE003', name: 'Permissive Security', args: ['--secure-boot', 'permissive'], reasons: ['BOOT_PERMISSIVE'] },
  { serial: 'MISBEHAVE004', name: 'third-party kernel extensions', args: ['--kexts', 'allowed'], reasons: ['KEXT_ALLOWED'] },
  { serial: 'MISBEHAVE005', name: 'an old macOS', args: ['--os', '13.6'], reasons: ['OS_TOO_OLD'] },
  { serial: 'MISBEHAVE006', name: 'another Mac’s certificate', args: ['--attested-serial', 'OTHERMAC0001'], reasons: ['SERIAL_MISMATCH'] },
  { serial: 'MISBEHAVE007', name: 'a replayed nonce', args: ['--nonce', 'replayed'], reasons: ['FRESHNESS_UNKNOWN'] },
  { serial: 'MISBEHAVE008', name: 'a missing nonce', args: ['--nonce', 'missing'], reasons: ['FRESHNESS_MISSING'] },
  { serial: 'MISBEHAVE009', name: 'a wrong ACME freshness', args: ['--acme-freshness', 'wrong'], reasons: ['FRESHNESS_MISMATCH'] },
  { serial: 'MISBEHAVE010', name: 'no ACME freshness', args: ['--acme-freshness', 'missing'], reasons: ['FRESHNESS_MISSING'] },
  {
    serial: 'MISBEHAVE011',
    name: 'a request for a key that was not attested',
    args: ['--csr-key', 'foreign'],
    reasons: ['CSR_KEY_MISMATCH'],
  },
  { serial: 'MISBEHAVE012', name: 'a root that only shares the name', args: ['--root', 'foreign'], reasons: ['CHAIN_UNTRUSTED'] },
  {
    serial: 'MISBEHAVE013',
    name: 'a SecurityInfo that contradicts Apple',
    args: ['--security-info', 'contradict'],
    // A contradiction is no posture that may change by itself: the Mac waits for a person.
    reasons: ['MAC_QUARANTINED', 'SIP_CONFLICT'],
  },
]

const { appliance, started } = withBareAppliance()

for (const { serial, name, args, reasons } of CASES) {
  test(`refuses a Mac with ${name}: ${reasons.join(', ')}`, { timeout: 90_000 }, async () => {
    const known = new Set((await fleetStatus(appliance())).map((one) => one.mac))
    const mac = await startMac(appliance(), serial, ['--engine', 'sim', ...args])
    started.push(mac)
    let standing: Awaited<ReturnType<typeof fleetStatus>>[number] | undefined
    await until(
      async () => {
        standing = (await fleetStatus(appliance())).find((one) => !known.has(one.mac))
        return standing?.trust === 'refused' && standing.reasons.join() === reasons.join()
      },
      60_000,
      () => `it stands as ${JSON.stringify(standing)}\n${mac.output()}\n${appliance().output().slice(-4000)}`,
    )
    await mac.stop()
  })
}
