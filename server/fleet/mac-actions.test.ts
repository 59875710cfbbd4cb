import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { MacId } from '#protocol/ids'
import { CommandRefused } from '../../mdm/create-mdm.ts'
import { stringAt } from '../../mdm/plist/value.ts'
import { createSecretBox } from '../secrets.ts'
import type { MacActions } from './mac-action-views.ts'
import { actionOf, createMacActions, newPin, rewrapLockPins } from './mac-actions.ts'
import { type FleetHouse, secrets, startFleetHouse } from './testing/fleet-house.ts'
import { enrollMac, type FleetMac } from './testing/fleet-mac.ts'

let house: FleetHouse
let mac: FleetMac
let actions: MacActions
beforeEach(async () => {
  house = await startFleetHouse()
  mac = await enrollMac(house, 'C02AAAAA')
  await mac.work()
  actions = house.fleet.actions
})
afterEach(() => house.close())

const by = 'user:usr_admin'
const wish = () => ({ mac: mac.id, by }) as const

const events = async () => {
  const rows = await house.store.macEvent.findMany({ where: { macId: mac.id }, orderBy: { sequence: 'asc' } })
  return rows.filter(({ type }) => type.startsWith('action-')).map(({ type, detail }) => [type, (detail as { action: string }).action])
}
const audits = async () =>
  (await house.store.auditEvent.findMany({ where: { subject: mac.id, actor: by }, orderBy: { at: 'asc' } })).map(({ type }) => type)

describe('a restart', () => {
  test('reaches the Mac, and stands in its timeline and in the audit trail', async () => {
    await actions.restart({ ...wish(), notifiesUser: true })
    const command = await mac.take()
    expect([command.requestType, command.command?.get('NotifyUser')]).toEqual(['RestartDevice', true])
    await mac.reply(command)
    expect(await events()).toEqual([
      ['action-requested', 'restart'],
      ['action-acknowledged', 'restart'],
    ])
    expect(await audits()).toEqual(['mac.restart-requested'])
  })
  test('asked for twice is one restart, and another kind takes the place of the first', async () => {
    await actions.restart({ ...wish(), notifiesUser: true })
    await actions.restart({ ...wish(), notifiesUser: true })
    await actions.restart({ ...wish(), notifiesUser: false })
    expect((await mac.take()).command?.get('NotifyUser')).toBe(false)
    expect((await house.store.mdmCommand.findMany({ where: { requestType: 'RestartDevice' } })).map(({ state }) => state)).toEqual([
      'cancelled',
      'sent',
    ])
  })
  test('does not come as a surprise the next day', async () => {
    await actions.restart({ ...wish(), notifiesUser: false })
    house.clock.advance(2 * 3600_000)
    expect(await mac.work()).not.toContain('RestartDevice')
  })
})

describe('a lock', () => {
  test('carries the PIN that the administrator is given, which can be shown again and is on record', async () => {
    const { pin } = await actions.lock({ ...wish(), message: 'Call 44' })
    expect(pin).toMatch(/^[0-9]{6}$/)
    const { command } = await mac.take()
    expect([command && stringAt(command, 'PIN'), command && stringAt(command, 'Message')]).toEqual([pin, 'Call 44'])
    expect((await actions.showLockPin(wish())).pin).toBe(pin)
    expect(await audits()).toEqual(['mac.lock-requested', 'mac.lock-pin-shown'])
    const [row] = await house.store.lockPin.findMany()
    expect(Buffer.from(row?.envelope ?? []).includes(pin)).toBe(false)
    expect(() => secrets.open('lock-pin:another', row?.envelope ?? new Uint8Array())).toThrow()
  })
  test('under way allows no second one with another PIN', async () => {
    await actions.lock({ ...wish(), message: undefined })
    await expect(actions.lock({ ...wish(), message: undefined })).rejects.toMatchObject({ code: 'conflict' })
    await mac.work()
    await actions.lock({ ...wish(), message: undefined })
  })
  test('whose PIN was sealed under an earlier secret opens after a rotation', async () => {
    const { pin } = await actions.lock({ ...wish(), message: undefined })
    const rotated = createSecretBox('another secret of thirty-two characters', ['a secret of thirty-two characters'])
    await rewrapLockPins({ store: house.store, secrets: rotated })
    const [row] = await house.store.lockPin.findMany()
    const opened = createSecretBox('another secret of thirty-two characters').open(`lock-pin:${row?.id}`, row?.envelope ?? new Uint8Array())
    expect(new TextDecoder().decode(opened)).toBe(pin)
  })
  test('that never was has no PIN to show', async () => {
    await expect(actions.showLockPin(wish())).rejects.toMatchObject({ code: 'not_found' })
  })
  test('asked for twice at one moment is one lock, whose PIN is the one that is shown', async () => {
    const asked = await Promise.allSettled([
      actions.lock({ ...wish(), message: undefined }),
      actions.lock({ ...wish(), message: undefined }),
    ])
    expect(asked.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    const { command } = await mac.take()
    expect((await actions.showLockPin(wish())).pin).toBe(command && stringAt(command, 'PIN'))
  })
  test('of a Mac that is locked already does not hide the PIN that opens it', async () => {
    const { pin } = await actions.lock({ ...wish(), message: undefined })
    await mac.work()
    house.clock.advance(1000)
    const second = await actions.lock({ ...wish(), message: undefined })
    expect(await actions.showLockPin(wish())).toMatchObject({ pin: second.pin, earlier: [{ pin }] })
  })
  test('that could not be queued leaves the PIN before it as the last', async () => {
    const { pin } = await actions.lock({ ...wish(), message: undefined })
    await mac.work()
    const refusing = createMacActions({
      ...{ store: house.store, clock: house.clock, random: randomBytes, secrets, askAnew: async () => {} },
      mdm: { enqueue: (enrollmentId) => Promise.reject(new CommandRefused('full', enrollmentId)) },
    })
    await expect(refusing.lock({ ...wish(), message: undefined })).rejects.toMatchObject({ code: 'conflict' })
    expect(await actions.showLockPin(wish())).toMatchObject({ pin, earlier: [] })
  })
  test('keeps the last PINs only', async () => {
    for (let i = 0; i < 12; i++) {
      await actions.lock({ ...wish(), message: undefined })
      await mac.work()
      house.clock.advance(1000)
    }
    expect(await house.store.lockPin.count()).toBe(10)
  })
})

describe('an erasure', () => {
  test('needs the serial number of that very Mac', async () => {
    await expect(actions.erase({ ...wish(), serial: 'C02BBBBB' })).rejects.toMatchObject({ code: 'invalid_request', param: 'serial' })
    expect(await audits()).toEqual([])
    await actions.erase({ ...wish(), serial: ' c02aaaaa ' })
    expect((await mac.take()).requestType).toBe('EraseDevice')
    expect(await audits()).toEqual(['mac.erase-requested'])
  })
})

describe('a refresh', () => {
  test('asks for facts and SecurityInfo, and Apple only where the agent’s key is proved', async () => {
    expect(await actions.refresh(wish())).toEqual({ asksApple: false })
    expect(await mac.work()).toEqual(['DeviceInformation', 'SecurityInfo'])
    expect(mac.nonces).toHaveLength(0)
    expect(await mac.prove()).toBe(true)
    await mac.work()
    const asked = mac.nonces.length
    expect(await actions.refresh(wish())).toEqual({ asksApple: true })
    await house.fleet.pumpReattestations()
    expect(await mac.work()).toContain('InstallProfile')
    // By ACME: asked again by DeviceInformation, Apple would repeat what it said for seven days.
    expect(mac.nonces).toHaveLength(asked)
    expect(await house.store.attestation.count({ where: { macId: mac.id, source: 'acme_reattestation' } })).toBe(1)
    expect(await audits()).toEqual(['mac.refresh-requested', 'mac.refresh-requested'])
  })
})

describe('is refused with its reason', () => {
  const refusals = () => [
    () => actions.restart({ ...wish(), notifiesUser: false }),
    () => actions.lock({ ...wish(), message: undefined }),
    () => actions.erase({ ...wish(), serial: mac.serial }),
  ]
  test('a Mac that nobody knows', async () => {
    const stranger = { mac: 'mac_00000000000000000000' as MacId, by, notifiesUser: false } as const
    await expect(actions.restart(stranger)).rejects.toMatchObject({ code: 'not_found' })
  })
  test.each<[string, () => Promise<unknown>]>([
    ['a Mac that was revoked', () => house.store.mac.update({ where: { id: mac.id }, data: { revokedAt: house.clock.now() } })],
    ['a Mac that has left', () => house.mdm.end(mac.enrollmentId)],
    ['a profile without the right', () => house.store.enrollment.update({ where: { id: mac.enrollmentId }, data: { accessRights: 5395 } })],
  ])('%s, before anything is recorded', async (_, arrange) => {
    await arrange()
    for (const ask of refusals()) await expect(ask()).rejects.toMatchObject({ code: 'conflict' })
    expect([await audits(), await events()]).toEqual([[], []])
  })
})

test('the commands are listed newest first, with what the Mac said of a failure and nothing of what they carry', async () => {
  await actions.lock({ ...wish(), message: undefined })
  const command = await mac.take()
  await mac.mdm.connect({
    Status: 'Error',
    CommandUUID: command.uuid,
    ErrorChain: [
      new Map<string, string | bigint>([
        ['ErrorCode', 12_004n],
        ['ErrorDomain', 'MCMDMErrorDomain'],
        ['USEnglishDescription', 'no'],
      ]),
    ],
  })
  const [last] = await actions.listCommands(mac.id, 1)
  expect(last).toMatchObject({ requestType: 'DeviceLock', state: 'failed', error: 'no (MCMDMErrorDomain 12004)' })
  expect(Object.keys(last ?? {})).not.toContain('payload')
})

test('a PIN has six digits, each as likely as any', () => {
  const draws = Array.from({ length: 2000 }, () => newPin((bytes) => crypto.getRandomValues(new Uint8Array(bytes))))
  const counts = new Map<string, number>()
  for (const digit of draws.join('')) counts.set(digit, (counts.get(digit) ?? 0) + 1)
  expect(draws.every((pin) => /^[0-9]{6}$/.test(pin))).toBe(true)
  for (const count of counts.values()) expect(count).toBeGreaterThan(1000)
  expect(newPin(() => Uint8Array.of(255, 250, 7))).toBe('777777')
})

test('only what a person asks for is an action', () => {
  expect(['RestartDevice', 'DeviceLock', 'EraseDevice', 'SecurityInfo'].map(actionOf)).toEqual(['restart', 'lock', 'erase', undefined])
})
