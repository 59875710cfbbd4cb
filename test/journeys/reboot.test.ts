import { expect, test } from 'vitest'
import { withBareAppliance } from './support/bare-appliance.ts'
import { query } from './support/database.ts'
import { type StartedFleet, startMac } from './support/fleet.ts'
import { checkOf, type MacView, macDirectory, switchOn, timeline, untilMac } from './support/mac.ts'
import { ownerOf, type Person } from './support/person.ts'
import { tightenPolicy } from './support/policy.ts'

/** SIP and Secure Boot change through a restart alone: what a Mac is worth after one, until Apple has seen it again (DESIGN §4.6). */
const SERIAL = 'REBOOTMAC001'
const { appliance, started } = withBareAppliance({ ESPALIER_REATTEST_JITTER_SECONDS: '4' })

let owner: Person
let mac: StartedFleet

const until = (isReached: (view: MacView) => boolean) =>
  untilMac(owner, { serial: SERIAL, explain: () => `${mac.output().slice(-2000)}\n${appliance().output().slice(-4000)}` }, isReached)

/** How often Apple was asked by DeviceInformation, which it answers anew once in seven days. */
const slots = async () => {
  const rows = await query(appliance(), `SELECT 1 FROM "AttestationNonce" WHERE source = 'device_information'`)
  return rows.length
}

async function reboot(...args: string[]): Promise<void> {
  await mac.stop()
  mac = switchOn(appliance(), macDirectory(appliance(), SERIAL), ['--engine', 'sim', ...args])
  started.push(mac)
}

const isProven = (view: MacView) => view.trust === 'trusted' && checkOf(view, 'boot')?.outcome === 'pass'

test('after an honest restart the boot state is shown as unproven; within the grace Apple attests it anew, by ACME', {
  timeout: 120_000,
}, async () => {
  owner = await ownerOf(appliance())
  mac = await startMac(appliance(), SERIAL, ['--engine', 'sim'])
  started.push(mac)
  const before = await until(isProven)
  const asked = await slots()
  await reboot('--reboot')
  const unproven = await until((view) => checkOf(view, 'boot')?.outcome === 'info')
  expect(unproven).toMatchObject({ trust: 'trusted', reasons: [] })
  expect(checkOf(unproven, 'boot')?.sentence).toMatch(/restarted/)
  const after = await until(isProven)
  expect(Date.parse(after.evidenceAt ?? '')).toBeGreaterThan(Date.parse(before.evidenceAt ?? ''))
  expect(await slots()).toBe(asked)
  const told = await timeline(owner, after.id)
  expect(told).toContain('Attested anew by Apple (ACME)')
})

test('under bootGap “refuse” it is refused until Apple has attested it anew', { timeout: 120_000 }, async () => {
  await tightenPolicy(owner, { bootGap: { mode: 'refuse' } }, 'No request to a Mac that may have changed.')
  await until(isProven)
  const asked = await slots()
  await reboot('--reboot')
  const refused = await until((view) => view.reasons.includes('BOOT_SESSION_CHANGED'))
  expect(refused).toMatchObject({ trust: 'refused', reasons: ['BOOT_SESSION_CHANGED'], isRoutable: false })
  await until(isProven)
  expect(await slots()).toBe(asked)
})

test('a Mac that comes back without System Integrity Protection is out for good: a repair alone does not bring it back', {
  timeout: 120_000,
}, async () => {
  await reboot('--sip', 'off')
  const out = await until(({ reasons }) => reasons.includes('SIP_DISABLED'))
  expect(out).toMatchObject({ trust: 'refused', isRoutable: false, quarantine: { reason: 'SIP_CONFLICT' } })
  expect(out.reasons.toSorted()).toEqual(['MAC_QUARANTINED', 'SIP_CONFLICT', 'SIP_DISABLED'])
  expect(await timeline(owner, out.id)).toContain('Quarantined: The Mac contradicts Apple on System Integrity Protection.')
  await reboot('--sip', 'on')
  // As the reason's remedy says: restart, and refresh the attestation.
  await until(({ reasons }) => reasons.includes('BOOT_SESSION_CHANGED'))
  await owner.tell('macs.refreshMac', { mac: out.id })
  const repaired = await until(({ reasons }) => reasons.join() === 'MAC_QUARANTINED')
  expect(repaired).toMatchObject({ trust: 'refused', isRoutable: false })
})
