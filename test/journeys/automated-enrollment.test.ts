import { expect, test } from 'vitest'
import { inAppleBusiness } from './support/apple-business.ts'
import { until } from './support/appliance.ts'
import { withBareAppliance } from './support/bare-appliance.ts'
import { query } from './support/database.ts'
import { checkOf, findMac, macDirectory, switchOn, untilMac } from './support/mac.ts'
import { ownerOf, type Person } from './support/person.ts'
import { tightenPolicy } from './support/policy.ts'

/** Macs that the company bought through Apple: linked once, and from then on they come in by themselves. */
const { appliance, started } = withBareAppliance()

let owner: Person
let link: string

/** A new Mac out of its box: Setup Assistant asks Apple where it belongs. */
function unpack(serial: string, ...args: string[]) {
  const mac = switchOn(appliance(), macDirectory(appliance(), serial), ['--serial', serial, '--ade', '--engine', 'sim', ...args])
  started.push(mac)
  return mac
}

test('Apple Business is linked: a key out, its token in, proved with Apple', { timeout: 120_000 }, async () => {
  owner = await ownerOf(appliance())
  await until(
    async () =>
      inAppleBusiness(appliance(), 'list').then(
        () => true,
        () => false,
      ),
    20_000,
    () => 'the software Apple did not start',
  )
  await inAppleBusiness(appliance(), 'add-device', { serial_number: 'ADEMAC000001' })
  const made = await owner.tell<{ link: string; certificatePem: string }>('appleBusiness.createLink')
  link = made.link
  const { p7m } = await inAppleBusiness<{ p7m: string }>(appliance(), 'token-file', { certificate: made.certificatePem })
  await owner.tell('appleBusiness.installToken', { link, file: p7m })
  const links = await owner.ask<object[]>('appleBusiness.listLinks')
  expect(links).toMatchObject([{ id: link, state: 'current', fault: null, devices: 1, assigned: 1, failed: 0 }])
})

test('an assigned Mac enrolls out of its box, is released from Setup Assistant, and is trusted', { timeout: 120_000 }, async () => {
  // Whoever demands it sees the difference: a Mac that came by a link would be refused.
  await tightenPolicy(owner, { requireAutomatedEnrollment: true }, 'Only Macs that we bought.')
  const mac = unpack('ADEMAC000001')
  const explain = () => `${mac.output().slice(-3000)}\n${appliance().output().slice(-3000)}`
  const seen = await untilMac(owner, { serial: 'ADEMAC000001', explain }, ({ trust }) => trust === 'trusted')
  expect(checkOf(seen, 'enrollment')?.outcome).toBe('pass')
  const [enrollment] = await query<{ kind: string }>(appliance(), `SELECT kind::text FROM "Enrollment" WHERE id = $1`, [
    seen.enrollment?.id,
  ])
  expect(enrollment?.kind).toBe('automated')
  // Held in Setup Assistant first, its agent only after it was told that all is configured.
  const states = statesOf(mac.output())
  const order = ['enrolled', 'awaiting-configuration', 'DeviceConfigured Acknowledged', 'agent-started'].map((state) =>
    states.indexOf(state),
  )
  expect(order).toEqual(order.toSorted((a, b) => a - b))
  expect(order).not.toContain(-1)
})

test('a Mac that Apple sends here, though it is not assigned to us, is refused in words', { timeout: 60_000 }, async () => {
  // Assigned to the same address by somebody else's server: Apple's list for us does not hold it.
  const profile = { profile_name: 'Somebody else', url: `${appliance().url}/enroll/automated`, await_device_configured: true }
  await inAppleBusiness(appliance(), 'add-device', { serial_number: 'ADEMAC000002' })
  await inAppleBusiness(appliance(), 'assign', { serial_number: 'ADEMAC000002', profile })
  const mac = unpack('ADEMAC000002')
  await until(
    async () => mac.process.exitCode !== null,
    30_000,
    () => mac.output(),
  )
  expect(mac.process.exitCode).toBe(10)
  expect(mac.output()).toContain('is not assigned to this server')
  expect(await findMac(owner, 'ADEMAC000002')).toBeUndefined()
  expect(appliance().output()).toContain('SERIAL_NOT_ASSIGNED')
})

test('a Mac that says it is the assigned one, with a device certificate of its own making, gets nothing', { timeout: 60_000 }, async () => {
  await inAppleBusiness(appliance(), 'add-device', { serial_number: 'ADEMAC000003' })
  await owner.tell('appleBusiness.syncLink', { link })
  const mac = unpack('ADEMAC000003', '--machine-info', 'foreign')
  await until(
    async () => mac.process.exitCode !== null,
    30_000,
    () => mac.output(),
  )
  expect(mac.process.exitCode).toBe(10)
  expect((await findMac(owner, 'ADEMAC000003'))?.enrollment).toBeNull()
})

/** What the Mac reported, in its order; of commands their outcome. */
function statesOf(output: string): string[] {
  return output.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return []
    const { state, detail } = JSON.parse(line) as { state: string; detail?: string }
    return state === 'command' ? [detail ?? ''] : [state]
  })
}
