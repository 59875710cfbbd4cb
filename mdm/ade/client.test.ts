import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type AdeService, startAdeService } from '../../test/software-mac/apple/ade/service.ts'
import { AdeFault } from './ade-fault.ts'
import { createAdeClient } from './client.ts'
import type { ServerToken } from './server-token.ts'
import type { EnrollmentProfile } from './wire.ts'

/** Against the software Apple's service, over real HTTP: it enforces OAuth 1.0a, sessions and cursors as Apple's does. */
let now: Date
let ade: AdeService
beforeEach(async () => {
  now = new Date('2026-11-21T12:00:00Z')
  ade = await startAdeService({ now: () => now })
})
afterEach(() => ade.close())

let words = 0
function client(changes: Partial<ServerToken> = {}) {
  const token = ade.control.token()
  const given = {
    consumerKey: token.consumer_key,
    consumerSecret: token.consumer_secret,
    accessToken: token.access_token,
    accessSecret: token.access_secret,
    ...changes,
  }
  return createAdeClient({ url: ade.url, token: given, clock: { now: () => now }, nonce: () => `nonce-${++words}`, userAgent: 'test' })
}

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: unknown) => (error instanceof AdeFault ? error.code : String(error)),
  )

const PROFILE: EnrollmentProfile = {
  profile_name: 'Macs',
  url: 'https://espalier.example/enroll/automated',
  is_supervised: true,
  is_mandatory: true,
  is_mdm_removable: false,
  await_device_configured: true,
  org_magic: 'm',
}

test('signs in and names the server', async () => {
  await expect(client().account()).resolves.toMatchObject({ server_name: 'Espalier', org_name: 'Evaluation' })
})

test('reads a long list page by page, then only what changed', async () => {
  for (let index = 0; index < 1234; index++) ade.control.addDevice({ serial_number: `C02TEST${String(index).padStart(5, '0')}` })
  const apple = client()
  const first = await apple.fetchDevices(undefined)
  expect([first.devices.length, first.more_to_follow]).toEqual([1000, true])
  const second = await apple.fetchDevices(first.cursor)
  expect([second.devices.length, second.more_to_follow]).toEqual([234, false])
  ade.control.removeDevice('C02TEST00007')
  ade.control.addDevice({ serial_number: 'C02NEW000001' })
  const changes = await apple.syncDevices(second.cursor)
  expect(changes.devices.map(({ serial_number, op_type }) => [serial_number, op_type])).toEqual([
    ['C02TEST00007', 'deleted'],
    ['C02NEW000001', 'added'],
  ])
})

test('assigns a profile and hears of each serial number', async () => {
  ade.control.addDevice({ serial_number: 'C02AAAAAAAA1' })
  ade.control.addDevice({ serial_number: 'C02AAAAAAAA2' })
  ade.control.failOn('C02AAAAAAAA2')
  const apple = client()
  const { uuid } = await apple.defineProfile(PROFILE)
  const outcomes = await apple.assignProfile(uuid, ['C02AAAAAAAA1', 'C02AAAAAAAA2', 'C02STRANGER1'])
  expect(Object.fromEntries(outcomes)).toEqual({ C02AAAAAAAA1: 'SUCCESS', C02AAAAAAAA2: 'FAILED', C02STRANGER1: 'NOT_ACCESSIBLE' })
  expect(Object.fromEntries(await apple.removeProfile(['C02AAAAAAAA1']))).toEqual({ C02AAAAAAAA1: 'SUCCESS' })
})

test('goes on under a new session when Apple has ended the old one', async () => {
  const apple = client()
  await apple.account()
  ade.control.expireSessions()
  await expect(apple.account()).resolves.toMatchObject({ server_name: 'Espalier' })
})

describe('says by a code of its own', () => {
  test.each([
    ['a wrong consumer secret', { consumerSecret: 'CS_other' }, 'TOKEN_REJECTED'],
    ['a wrong token secret', { accessSecret: 'AS_other' }, 'TOKEN_REJECTED'],
    ['a token that was renewed at Apple’s', { accessToken: 'AT_old' }, 'TOKEN_REJECTED'],
  ] as const)('%s', async (_, changes, code) => {
    expect(await codeOf(client(changes).account())).toBe(code)
  })
  test('a clock that is wrong, which OAuth refuses', async () => {
    const apple = client()
    now = new Date(now.getTime())
    const ahead = createAdeClient({
      url: ade.url,
      token: {
        consumerKey: ade.control.token().consumer_key,
        consumerSecret: ade.control.token().consumer_secret,
        accessToken: ade.control.token().access_token,
        accessSecret: ade.control.token().access_secret,
      },
      clock: { now: () => new Date(now.getTime() + 24 * 3600_000) },
      nonce: () => 'ahead',
      userAgent: 'test',
    })
    expect(await codeOf(ahead.account())).toBe('TOKEN_REJECTED')
    expect(await codeOf(apple.account())).toBe('done')
  })
  test('a token past its end', async () => {
    const apple = client()
    ade.control.expireToken()
    expect(await codeOf(apple.account())).toBe('TOKEN_REJECTED')
  })
  test('terms that were not signed, before a session and during one', async () => {
    const apple = client()
    await apple.account()
    ade.control.signTerms(false)
    expect(await codeOf(apple.account())).toBe('TERMS_NOT_SIGNED')
    expect(await codeOf(client().account())).toBe('TERMS_NOT_SIGNED')
  })
  test('a cursor that is nobody’s, and one that is too old', async () => {
    const apple = client()
    expect(await codeOf(apple.syncDevices('nobody’s'))).toBe('CURSOR_INVALID')
    const { cursor } = await apple.fetchDevices(undefined)
    ade.control.expireCursors()
    expect(await codeOf(apple.syncDevices(cursor))).toBe('CURSOR_EXPIRED')
  })
  test('a list that has been read to its end', async () => {
    const apple = client()
    const { cursor } = await apple.fetchDevices(undefined)
    expect(await codeOf(apple.fetchDevices(cursor))).toBe('CURSOR_EXHAUSTED')
  })
  test('a profile that Apple does not know', async () => {
    ade.control.addDevice({ serial_number: 'C02AAAAAAAA1' })
    expect(await codeOf(client().assignProfile('nobody’s', ['C02AAAAAAAA1']))).toBe('PROFILE_NOT_FOUND')
  })
  test('a service that is busy, with the time to wait', async () => {
    ade.control.refuseNext(1)
    const failure = await client()
      .account()
      .catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'BUSY', retryAfterMs: 1000 })
  })
  test('a service that is not there', async () => {
    const apple = client()
    await ade.close()
    expect(await codeOf(apple.account())).toBe('UNREACHABLE')
    ade = await startAdeService({ now: () => now })
  })
})
