import { createHash, X509Certificate } from 'node:crypto'
import { cp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { until as eventually } from './support/appliance.ts'
import { withBareAppliance } from './support/bare-appliance.ts'
import { query } from './support/database.ts'
import { type StartedFleet, startMac } from './support/fleet.ts'
import { type MacView, macDirectory, switchOn, timeline, untilMac } from './support/mac.ts'
import { ownerOf, type Person } from './support/person.ts'

/** The key under which a Mac speaks MDM is changed without enrolling anew, and never is there a moment with two, or with none. */
const SERIAL = 'RENEWALMAC01'
const { appliance, started } = withBareAppliance({ ESPALIER_REATTEST_JITTER_SECONDS: '0' })

let owner: Person
let mac: StartedFleet
let before: MacView

const explain = () => `${mac.output().slice(-3000)}\n${appliance().output().slice(-4000)}`
const until = (isReached: (view: MacView) => boolean) => untilMac(owner, { serial: SERIAL, explain }, isReached)

/** SHA-256 of the certificate that the Mac itself uses for MDM. */
async function ownIdentity(): Promise<string> {
  const directory = macDirectory(appliance(), SERIAL)
  const { mdm } = JSON.parse(await readFile(join(directory, 'enrollment.json'), 'utf8')) as { mdm: { identityUuid: string } }
  const file = join(directory, 'identities', `identity-${mdm.identityUuid.toLowerCase()}.json`)
  const { chainPem } = JSON.parse(await readFile(file, 'utf8')) as { chainPem: string }
  return createHash('sha256').update(new X509Certificate(chainPem).raw).digest('hex')
}

/** What the appliance takes for the identity in use. */
async function knownIdentity(): Promise<string> {
  const [row] = await query<{ sha256: string }>(
    appliance(),
    `SELECT encode("identitySha256", 'hex') AS sha256 FROM "Enrollment" WHERE "macId" = $1 AND state = 'enrolled'`,
    [before.id],
  )
  return row?.sha256 ?? ''
}

test('until the Mac speaks under its new identity the old one counts; from then on only the new one', { timeout: 120_000 }, async () => {
  owner = await ownerOf(appliance())
  mac = await startMac(appliance(), SERIAL, ['--engine', 'sim'])
  started.push(mac)
  before = await until(({ trust }) => trust === 'trusted')
  const old = await ownIdentity()
  expect(await knownIdentity()).toBe(old)
  // Everything that the Mac holds now, the old key among it: whoever has it afterwards has nothing.
  await cp(macDirectory(appliance(), SERIAL), macDirectory(appliance(), 'stolen-copy'), {
    recursive: true,
    filter: (file) => !file.endsWith('/lock'),
  })
  await owner.tell('macs.renewIdentity', { mac: before.id })
  await eventually(async () => (await ownIdentity()) !== old, 30_000, explain)
  const renewed = await ownIdentity()
  await eventually(async () => (await knownIdentity()) === renewed, 30_000, explain)
  const after = await until(({ trust }) => trust === 'trusted')
  expect(after.enrollment).toMatchObject({ id: before.enrollment?.id, state: 'enrolled' })
  expect(await timeline(owner, before.id)).toContain('MDM identity renewed; the one before is worth nothing from here on')
  // No moment without trust lay between.
  expect(await timeline(owner, before.id)).not.toContainEqual(expect.stringMatching(/^Lost trust/))
})

test('who still holds the old key is refused, and the Mac does not notice', { timeout: 60_000 }, async () => {
  const copy = macDirectory(appliance(), 'stolen-copy')
  started.push(switchOn(appliance(), copy, ['--no-agent', '--reauthenticate']))
  const heard = () => appliance().output().includes('CERT_SUPERSEDED')
  await eventually(async () => heard(), 30_000, explain)
  expect(await until(({ trust }) => trust === 'trusted')).toMatchObject({ enrollment: { id: before.enrollment?.id, state: 'enrolled' } })
})

test('Apple attests the Mac anew under its renewed identity', { timeout: 60_000 }, async () => {
  const { evidenceAt } = await until(({ trust }) => trust === 'trusted')
  expect(await owner.tell('macs.refreshMac', { mac: before.id })).toMatchObject({ asksApple: true })
  const again = await until((view) => view.trust === 'trusted' && Date.parse(view.evidenceAt ?? '') > Date.parse(evidenceAt ?? ''))
  expect(again.reasons).toEqual([])
  expect(await timeline(owner, before.id)).toContain('Attested anew by Apple (ACME)')
})
