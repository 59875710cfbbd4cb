import { expect, test } from 'vitest'
import { withBareAppliance } from './support/bare-appliance.ts'
import { query } from './support/database.ts'
import { startMac } from './support/fleet.ts'
import { type MacView, macDirectory, switchOn, timeline, untilMac } from './support/mac.ts'
import { inviteColleague, ownerOf, type Person } from './support/person.ts'

/** A Mac whose words do not fit together waits for a person, and only a person lets it out. */
const SERIAL = 'QUARANTINE01'
const NOTE = 'Looked at it in the office: the report was wrong, macOS has been installed anew.'
const { appliance, started } = withBareAppliance({ ESPALIER_REATTEST_JITTER_SECONDS: '0' })

let owner: Person
let found: MacView

const until = (isReached: (view: MacView) => boolean) =>
  untilMac(owner, { serial: SERIAL, explain: () => appliance().output().slice(-4000) }, isReached)

test('a Mac that contradicts Apple is put into quarantine, with its reason, and repair alone does not end it', {
  timeout: 120_000,
}, async () => {
  owner = await ownerOf(appliance())
  const mac = await startMac(appliance(), SERIAL, ['--engine', 'sim', '--security-info', 'contradict'])
  started.push(mac)
  found = await until(({ quarantine }) => quarantine !== null)
  expect(found).toMatchObject({ trust: 'refused', isRoutable: false, quarantine: { reason: 'SIP_CONFLICT' } })
  expect(await timeline(owner, found.id)).toContain('Quarantined: The Mac contradicts Apple on System Integrity Protection.')
  await mac.stop()
  // Honest from now on, and asked to show it: what was contradicted is told rightly, and it still waits.
  started.push(switchOn(appliance(), macDirectory(appliance(), SERIAL), ['--engine', 'sim']))
  await until(({ reasons }) => !reasons.includes('NO_SESSION'))
  await owner.tell('macs.refreshMac', { mac: found.id })
  const honest = await until(({ reasons }) => reasons.join() === 'MAC_QUARANTINED')
  expect(honest).toMatchObject({ trust: 'refused', isRoutable: false })
})

test('it is released by somebody who may, who has just typed the password, and who says why', { timeout: 120_000 }, async () => {
  const operator = await inviteColleague(appliance(), owner, 'operator')
  await operator.stepUp()
  expect(await operator.try('macs.releaseMac', { mac: found.id, note: NOTE })).toMatchObject({ code: 'forbidden' })
  const security = await inviteColleague(appliance(), owner, 'security')
  expect(await security.try('macs.releaseMac', { mac: found.id, note: 'fine' })).toMatchObject({ code: 'invalid_request' })
  // Their password was typed at signing in, a moment ago: that is made to be long ago.
  await query(appliance(), 'UPDATE "Session" SET "steppedUpAt" = NULL')
  expect(await security.try('macs.releaseMac', { mac: found.id, note: NOTE })).toMatchObject({ code: 'step_up_required' })
  await security.stepUp()
  await security.tell('macs.releaseMac', { mac: found.id, note: NOTE })
  const released = await until(({ trust }) => trust === 'trusted')
  expect(released).toMatchObject({ reasons: [], quarantine: null })
  expect(await timeline(owner, found.id)).toContain(`Released from quarantine: ${NOTE}`)
})
