import { afterEach, beforeEach, expect, test } from 'vitest'
import { dataAt } from '../../mdm/plist/value.ts'
import { countQueries } from '../../test/support/count-queries.ts'
import { findDeclarativeState } from '../store/declarations.ts'
import { type SyncDeps, syncDeclarations } from './declarations-service.ts'
import { type FleetHouse, startFleetHouse } from './testing/fleet-house.ts'
import { enrollMac, type FleetMac } from './testing/fleet-mac.ts'

let house: FleetHouse
let mac: FleetMac
let deps: SyncDeps
beforeEach(async () => {
  house = await startFleetHouse()
  mac = await enrollMac(house, 'C02AAAAA')
  await mac.work()
  deps = { store: house.store, clock: house.clock, mdm: () => house.mdm, wanted: () => ({ agentTask: undefined }) }
})
afterEach(() => house.close())

const ask = async (Endpoint: string, Data?: Uint8Array) => {
  const { status, body } = await mac.mdm.checkin({ MessageType: 'DeclarativeManagement', Endpoint, Data })
  return { status, json: body.length === 0 ? undefined : JSON.parse(new TextDecoder().decode(body)) }
}
const report = (items: object) => new TextEncoder().encode(JSON.stringify({ StatusItems: items, Errors: [] }))
const stateNow = () => findDeclarativeState(house.store, mac.enrollmentId)

/** Takes what is queued; the tokens that DeclarativeManagement told. */
async function toldTokens(): Promise<string[]> {
  const tokens: string[] = []
  for (let command = await mac.take(); command.uuid !== undefined; command = await mac.reply(command)) {
    const data = command.requestType === 'DeclarativeManagement' && command.command && dataAt(command.command, 'Data')
    if (data) tokens.push(JSON.parse(new TextDecoder().decode(data)).SyncTokens.DeclarationsToken)
  }
  return tokens
}

test('a Mac is told once, and again only when its declarations changed', async () => {
  await syncDeclarations(deps)
  const [token] = await toldTokens()
  expect(token).toMatch(/^[0-9a-f]{64}$/)
  await syncDeclarations(deps)
  expect(await toldTokens()).toEqual([])
  expect((await ask('tokens')).json.SyncTokens.DeclarationsToken).toBe(token)
  await ask('declaration-items')
  expect(await stateNow()).toMatchObject({ token, toldToken: token, fetchedToken: token })
  await ask(
    'status',
    report({ management: { 'client-capabilities': { 'supported-payloads': { 'status-items': ['device.identifier.udid'] } } } }),
  )
  await syncDeclarations(deps)
  const [changed] = await toldTokens()
  expect(changed).not.toBe(token)
  const { json } = await ask('declaration/configuration/dev.espalier.status')
  expect(json.Payload).toEqual({ StatusItems: [{ Name: 'device.identifier.udid' }] })
})

test('what was told and not fetched is told again after a day, and an older telling is overtaken', async () => {
  await syncDeclarations(deps)
  house.clock.advance(25 * 3600_000)
  await syncDeclarations(deps)
  expect(await toldTokens()).toHaveLength(1)
})

test('reports are merged, the newest is kept, and one that comes twice counts once', async () => {
  await ask('status', report({ device: { identifier: { udid: 'X' } }, list: [{ identifier: '1' }] }))
  const second = report({ list: [{ identifier: '2' }] })
  await ask('status', second)
  const after = await stateNow()
  expect(after?.status).toEqual({ device: { identifier: { udid: 'X' } }, list: [{ identifier: '1' }, { identifier: '2' }] })
  house.clock.advance(1000)
  await ask('status', second)
  expect((await stateNow())?.statusAt).toEqual(after?.statusAt)
})

test('the timestamp of a set is when it became this one', async () => {
  const first = (await ask('tokens')).json.SyncTokens
  house.clock.advance(3600_000)
  expect((await ask('tokens')).json.SyncTokens).toEqual(first)
})

test('a Mac that waits in Setup Assistant is released behind its first facts and its ticket', async () => {
  await mac.mdm.authenticate()
  await mac.mdm.tokenUpdate({ AwaitingConfiguration: true })
  expect(await mac.work()).toEqual(['DeviceInformation', 'SecurityInfo', 'InstallProfile', 'DeviceConfigured'])
  await syncDeclarations(deps)
  expect(await mac.work()).not.toContain('DeviceConfigured')
})

test('a Mac whose release was lost is released by the next round', async () => {
  await mac.mdm.authenticate()
  await mac.mdm.tokenUpdate({ AwaitingConfiguration: true })
  await house.mdm.cancel(mac.enrollmentId, { dedupeKey: 'device-configured' })
  await syncDeclarations(deps)
  expect(await mac.work()).toContain('DeviceConfigured')
})

test('a revoked Mac is told nothing and answered nothing', async () => {
  await house.store.mac.update({ where: { id: mac.id }, data: { revokedAt: house.clock.now() } })
  await syncDeclarations(deps)
  expect(await toldTokens()).toEqual([])
  expect((await ask('tokens')).status).toBe(404)
})

test('a bootstrap token lies sealed', async () => {
  const token = new TextEncoder().encode('a bootstrap token')
  await mac.mdm.checkin({ MessageType: 'SetBootstrapToken', BootstrapToken: token })
  const row = await house.store.bootstrapToken.findUniqueOrThrow({ where: { enrollmentId: mac.enrollmentId } })
  expect(Buffer.from(row.envelope).includes('bootstrap')).toBe(false)
})

test('a round over Macs that know their declarations costs as many statements as there are pages', async () => {
  await syncDeclarations(deps)
  await toldTokens()
  await ask('tokens')
  await ask('declaration-items')
  const { store, asked } = countQueries(house.store)
  await syncDeclarations({ ...deps, store })
  expect(asked()).toBe(2)
  expect(await toldTokens()).toEqual([])
})
