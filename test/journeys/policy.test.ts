import { expect, test } from 'vitest'
import { untilTrusted } from './support/appliance.ts'
import { withBareAppliance } from './support/bare-appliance.ts'
import { startMac } from './support/fleet.ts'
import { findMac, type MacView, timeline, untilMac } from './support/mac.ts'
import { inviteColleague, ownerOf, type Person } from './support/person.ts'
import { approvePolicy, type Draft, previewPolicy, proposePolicy } from './support/policy.ts'

/** A rule is proposed, weighed on the living fleet, approved by another person, excused for one Mac, and demanded again. */
const { appliance, started } = withBareAppliance()
const SERIALS = ['POLICYMAC001', 'POLICYMAC002'] as const
/** Long enough to be approved on a slow machine. */
const WAIVER_MS = 20_000

let owner: Person
let security: Person
let macs: [MacView, MacView]

const until = (serial: string, isReached: (view: MacView) => boolean) =>
  untilMac(owner, { serial, explain: () => appliance().output().slice(-4000) }, isReached)
const untilRefused = (serial: string) => until(serial, ({ trust }) => trust === 'refused')

test('the impact is told before anything changes, on Macs that are there', { timeout: 120_000 }, async () => {
  owner = await ownerOf(appliance())
  security = await inviteColleague(appliance(), owner, 'security')
  for (const serial of SERIALS) started.push(await startMac(appliance(), serial, ['--engine', 'sim']))
  await untilTrusted(appliance(), 2)
  macs = (await Promise.all(SERIALS.map((serial) => findMac(owner, serial)))) as [MacView, MacView]
  const { draft } = await owner.ask<{ draft: Draft }>('policies.getPolicy')
  const { seen } = await previewPolicy(owner, { draft: { ...draft, minimumOs: '99.0' } })
  expect(seen).toMatchObject({ lowersTrust: false, impact: { judged: 2, before: 2, after: 0, loses: 2, gains: 0 } })
  expect(seen.impact.sentence).toBe('2 of 2 Macs would lose trust, because: The attested macOS is older than the policy allows (2).')
  expect((await findMac(owner, SERIALS[0]))?.trust).toBe('trusted')
})

test('somebody else approves it, and the Macs lose their trust for exactly that, in a sentence', { timeout: 60_000 }, async () => {
  const version = await proposePolicy(owner, (draft) => ({ ...draft, minimumOs: '99.0' }), 'A hole that only the next macOS closes.')
  expect((await findMac(owner, SERIALS[0]))?.trust).toBe('trusted')
  await security.stepUp()
  expect(await approvePolicy(security, version)).toBe('in force')
  for (const [index, serial] of SERIALS.entries()) {
    expect(await untilRefused(serial)).toMatchObject({ reasons: ['OS_TOO_OLD'], isRoutable: false })
    const [newest] = await timeline(owner, macs[index]?.id ?? '')
    expect(newest).toContain(`Lost trust under policy version ${version} because the attested macOS is older than the policy allows`)
  }
  const reply = await appliance().get('/v1/chat/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'espalier-sim', messages: [{ role: 'user', content: 'Hello' }] }),
  })
  expect(reply.status).toBe(503)
})

test('a waiver needs a second person, brings one Mac back, is shown with it, and ends by itself', { timeout: 90_000 }, async () => {
  const [excused, other] = SERIALS
  const waiver = {
    code: 'OS_TOO_OLD',
    scope: { kind: 'mac', mac: macs[0].id },
    why: 'It builds the release today.',
    until: new Date(Date.now() + WAIVER_MS).toISOString(),
  }
  const version = await proposePolicy(owner, (draft) => ({ ...draft, waivers: [...draft.waivers, waiver] }), 'The release must not wait.')
  const { preview, seen } = await previewPolicy(owner, { version })
  expect(seen).toMatchObject({ lowersTrust: true, impact: { gains: 1, loses: 0 } })
  const alone = await owner.try('policies.approvePolicy', { version, preview })
  expect(alone.status).toBeGreaterThanOrEqual(400)
  expect((await findMac(owner, excused))?.trust).toBe('refused')
  expect(await approvePolicy(security, version)).toBe('in force')
  const back = await until(excused, ({ trust }) => trust === 'trusted')
  expect(back.waivers).toMatchObject([{ code: 'OS_TOO_OLD', isInUse: true }])
  expect((await findMac(owner, other))?.reasons).toEqual(['OS_TOO_OLD'])
  const ended = await untilRefused(excused)
  expect(ended.reasons).toEqual(['OS_TOO_OLD'])
  expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(waiver.until))
  expect(ended.waivers).toEqual([])
})
