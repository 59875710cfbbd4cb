import { createHmac, randomUUID } from 'node:crypto'
import forge from 'node-forge'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type AdeService, startAdeService } from './service.ts'
import type { ServerToken } from './token-file.ts'

/** The stand-in of Apple's service over real HTTP, against requests that are signed here by hand. */
let clock: Date
let ade: AdeService
beforeEach(async () => {
  clock = new Date('2026-11-21T12:00:00Z')
  ade = await startAdeService({ now: () => clock })
})
afterEach(() => ade.close())

type Signing = { timestamp?: number; nonce?: string; token?: ServerToken; spoil?: (signature: string) => string }

/** RFC 5849 §3.4, by hand: every value here is unreserved, so only the whole is escaped. */
function authorization({
  timestamp = clock.getTime() / 1000,
  nonce = randomUUID(),
  token = ade.control.token(),
  spoil,
}: Signing = {}): string {
  const parameters: Record<string, string> = {
    oauth_consumer_key: token.consumer_key,
    oauth_nonce: nonce,
    oauth_signature_method: 'HMAC-SHA1',
    oauth_timestamp: String(timestamp),
    oauth_token: token.access_token,
    oauth_version: '1.0',
  }
  const pairs = Object.entries(parameters).map(([name, value]) => `${name}=${value}`)
  const base = `GET&${encodeURIComponent(`${ade.url}/session`)}&${encodeURIComponent(pairs.join('&'))}`
  const signature = createHmac('sha1', `${token.consumer_secret}&${token.access_secret}`).update(base).digest('base64')
  const all = { ...parameters, oauth_signature: encodeURIComponent(spoil?.(signature) ?? signature) }
  const words = Object.entries(all).map(([name, value]) => `${name}="${value}"`)
  return `OAuth realm="ADM", ${words.join(', ')}`
}

async function session(header: string | undefined = authorization()): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${ade.url}/session`, header === undefined ? {} : { headers: { authorization: header } })
  return { status: response.status, body: await response.json() }
}

async function signIn(): Promise<string> {
  return ((await session()).body as { auth_session_token: string }).auth_session_token
}

// biome-ignore lint/suspicious/noExplicitAny: Apple's JSON, looked at field by field
type Json = any

async function call(token: string, method: string, path: string, body?: object, version: string | null = '3') {
  const response = await fetch(`${ade.url}${path}`, {
    method,
    headers: { 'x-adm-auth-session': token, ...(version === null ? {} : { 'x-server-protocol-version': version }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, body: (await response.json()) as Json, headers: response.headers }
}

const addDevices = (count: number) => {
  for (let i = 0; i < count; i++) ade.control.addDevice({ serial_number: `ADEMAC${String(i).padStart(6, '0')}` })
}

describe('a session', () => {
  test('is opened by a signed request, and opens the account', async () => {
    const token = await signIn()
    expect(await call(token, 'GET', '/account')).toMatchObject({ status: 200, body: { org_type: 'org' } })
  })

  test.each<[string, Signing, number, string]>([
    ['a wrong signature', { spoil: (signature) => `${signature.slice(0, -2)}A=` }, 401, 'oauth_problem=signature_invalid'],
    ['a time ten minutes old', { timestamp: Date.parse('2026-11-21T11:50:00Z') / 1000 }, 401, 'oauth_problem=timestamp_refused'],
    ['a time ten minutes ahead', { timestamp: Date.parse('2026-11-21T12:10:00Z') / 1000 }, 401, 'oauth_problem=timestamp_refused'],
  ])('is refused to %s', async (_, signing, status, body) => {
    expect(await session(authorization(signing))).toEqual({ status, body })
  })

  test('is refused to a nonce that was used, and to no signature at all', async () => {
    const header = authorization({ nonce: 'once' })
    expect((await session(header)).status).toBe(200)
    expect(await session(header)).toEqual({ status: 401, body: 'oauth_problem=nonce_used' })
    expect((await session('Bearer x')).status).toBe(400)
    expect((await session('')).status).toBe(400)
  })

  test('is refused to another token’s words, and to a token that is over or replaced', async () => {
    const old = ade.control.token()
    expect(await session(authorization({ token: { ...old, access_token: 'AT_other' } }))).toMatchObject({
      body: 'oauth_problem=token_rejected',
    })
    expect(await session(authorization({ token: { ...old, consumer_key: 'CK_other' } }))).toMatchObject({
      body: 'oauth_problem=consumer_key_unknown',
    })
    ade.control.renewToken()
    expect((await session(authorization({ token: old }))).status).toBe(401)
    ade.control.expireToken()
    expect(await session()).toEqual({ status: 403, body: 'ACCESS_DENIED' })
  })

  test('ends: 401 for one that is over, 403 for one that never was', async () => {
    const token = await signIn()
    ade.control.expireSessions()
    expect(await call(token, 'GET', '/account')).toMatchObject({ status: 401, body: 'UNAUTHORIZED' })
    expect(await call('never', 'GET', '/account')).toMatchObject({ status: 403, body: 'FORBIDDEN' })
    expect((await call(await signIn(), 'GET', '/account')).status).toBe(200)
  })

  test('means nothing while Apple’s terms are not signed', async () => {
    const token = await signIn()
    ade.control.signTerms(false)
    expect(await call(token, 'GET', '/account')).toMatchObject({ status: 403, body: 'T_C_NOT_SIGNED' })
    expect(await session()).toEqual({ status: 403, body: 'T_C_NOT_SIGNED' })
    ade.control.signTerms(true)
    expect((await call(token, 'GET', '/account')).status).toBe(200)
  })

  test('meets an overloaded Apple', async () => {
    const token = await signIn()
    ade.control.refuseNext(1)
    const refused = await call(token, 'GET', '/account')
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
    expect((await call(token, 'GET', '/account')).status).toBe(200)
  })
})

describe('devices', () => {
  test('are listed page by page, and the last cursor lists no further', async () => {
    addDevices(5)
    const token = await signIn()
    const seen: string[] = []
    let cursor: string | undefined
    for (let isMore = true; isMore; ) {
      const { body } = await call(token, 'POST', '/server/devices', { limit: 2, ...(cursor ? { cursor } : {}) })
      seen.push(...body.devices.map((device: Json) => device.serial_number))
      cursor = body.cursor
      isMore = body.more_to_follow
    }
    expect(seen).toEqual(['ADEMAC000000', 'ADEMAC000001', 'ADEMAC000002', 'ADEMAC000003', 'ADEMAC000004'])
    expect(await call(token, 'POST', '/server/devices', { cursor })).toMatchObject({ status: 400, body: 'EXHAUSTED_CURSOR' })
    expect(await call(token, 'POST', '/devices/sync', { cursor })).toMatchObject({
      status: 200,
      body: { devices: [], more_to_follow: false },
    })
  })

  test('that change during a listing come with the sync after it', async () => {
    addDevices(3)
    const token = await signIn()
    const first = await call(token, 'POST', '/server/devices', { limit: 2 })
    ade.control.addDevice({ serial_number: 'LATE00000001' })
    ade.control.modifyDevice('ADEMAC000000', { color: 'BLACK' })
    ade.control.removeDevice('ADEMAC000001')
    const last = await call(token, 'POST', '/server/devices', { limit: 2, cursor: first.body.cursor })
    expect(last.body).toMatchObject({ devices: [{ serial_number: 'ADEMAC000002' }], more_to_follow: false })
    const changes = await call(token, 'POST', '/devices/sync', { cursor: last.body.cursor })
    expect(changes.body.devices.map((device: Json) => [device.op_type, device.serial_number])).toEqual([
      ['added', 'LATE00000001'],
      ['modified', 'ADEMAC000000'],
      ['deleted', 'ADEMAC000001'],
    ])
    expect((await call(token, 'POST', '/devices/sync', { cursor: changes.body.cursor })).body.devices).toEqual([])
  })

  test('of many changes come in pages', async () => {
    const token = await signIn()
    const { body } = await call(token, 'POST', '/server/devices', {})
    addDevices(3)
    const first = await call(token, 'POST', '/devices/sync', { cursor: body.cursor, limit: 2 })
    expect([first.body.devices.length, first.body.more_to_follow]).toEqual([2, true])
    const second = await call(token, 'POST', '/devices/sync', { cursor: first.body.cursor, limit: 2 })
    expect([second.body.devices.length, second.body.more_to_follow]).toEqual([1, false])
  })

  test.each([
    ['an unknown cursor', '/server/devices', { cursor: 'x' }, 'INVALID_CURSOR'],
    ['an unknown cursor of a sync', '/devices/sync', { cursor: 'x' }, 'INVALID_CURSOR'],
    ['a sync without cursor', '/devices/sync', {}, 'CURSOR_REQUIRED'],
    ['more than a thousand', '/server/devices', { limit: 1001 }, 'LIMIT_INVALID'],
    ['details of nothing', '/devices', { devices: [] }, 'DEVICE_ID_REQUIRED'],
  ])('are refused to %s', async (_, path, body, code) => {
    expect(await call(await signIn(), 'POST', path, body)).toMatchObject({ status: 400, body: code })
  })

  test('are not synced from the middle of a listing, nor after seven days', async () => {
    addDevices(3)
    const token = await signIn()
    const middle = (await call(token, 'POST', '/server/devices', { limit: 2 })).body.cursor
    expect(await call(token, 'POST', '/devices/sync', { cursor: middle })).toMatchObject({ body: 'INVALID_CURSOR' })
    const end = (await call(token, 'POST', '/server/devices', { cursor: middle })).body.cursor
    clock = new Date(clock.getTime() + 7 * 24 * 3600_000)
    expect((await call(token, 'POST', '/devices/sync', { cursor: end })).status).toBe(200)
    clock = new Date(clock.getTime() + 1)
    expect(await call(token, 'POST', '/devices/sync', { cursor: end })).toMatchObject({ status: 400, body: 'EXPIRED_CURSOR' })
    const fresh = (await call(token, 'POST', '/server/devices', {})).body.cursor
    ade.control.expireCursors()
    expect(await call(token, 'POST', '/devices/sync', { cursor: fresh })).toMatchObject({ body: 'EXPIRED_CURSOR' })
  })

  test('name family and system from version 2 of the protocol on', async () => {
    addDevices(1)
    const token = await signIn()
    const of = async (version: string | null) => (await call(token, 'POST', '/server/devices', {}, version)).body.devices[0].device_family
    expect([await of('3'), await of('1'), await of(null)]).toEqual(['Mac', undefined, undefined])
  })
})

describe('a profile', () => {
  const PROFILE = { profile_name: 'Espalier', url: 'https://mdm.example/enroll/automated', is_supervised: true, is_mdm_removable: false }

  test('is assigned, with an outcome for each serial number, pushed at activation, removed', async () => {
    addDevices(2)
    ade.control.failOn('ADEMAC000001')
    const token = await signIn()
    const { profile_uuid } = (await call(token, 'POST', '/profile', PROFILE)).body
    const assigned = await call(token, 'PUT', '/profile/devices', {
      profile_uuid,
      devices: ['ADEMAC000000', 'ADEMAC000001', 'STRANGER0001'],
    })
    expect(assigned.body.devices).toEqual({ ADEMAC000000: 'SUCCESS', ADEMAC000001: 'FAILED', STRANGER0001: 'NOT_ACCESSIBLE' })
    expect((await call(token, 'GET', `/profile?profile_uuid=${profile_uuid}`)).body).toMatchObject({ ...PROFILE, profile_uuid })
    expect(ade.control.activate('ADEMAC000000')).toMatchObject({ url: PROFILE.url })
    expect(ade.control.activate('ADEMAC000001')).toBeUndefined()
    const { body } = await call(token, 'POST', '/devices', { devices: ['ADEMAC000000', 'STRANGER0001'] })
    expect(body.devices.ADEMAC000000).toMatchObject({ response_status: 'SUCCESS', profile_status: 'pushed', profile_uuid })
    expect(body.devices.STRANGER0001).toEqual({ response_status: 'NOT_ACCESSIBLE' })
    const removed = await call(token, 'DELETE', '/profile/devices', { devices: ['ADEMAC000000'] })
    expect(removed.body.devices).toEqual({ ADEMAC000000: 'SUCCESS' })
    expect(ade.control.activate('ADEMAC000000')).toBeUndefined()
  })

  test.each([
    [{ url: PROFILE.url }, 'CONFIG_NAME_REQUIRED'],
    [{ ...PROFILE, profile_name: 'x'.repeat(126) }, 'CONFIG_NAME_INVALID'],
    [{ profile_name: 'x' }, 'CONFIG_URL_REQUIRED'],
    [{ ...PROFILE, url: 'http://mdm.example/' }, 'CONFIG_URL_INVALID'],
    [{ ...PROFILE, is_supervised: false }, 'FLAGS_INVALID'],
    [{ ...PROFILE, anchor_certs: 'x' }, 'CERTS_INVALID'],
  ])('%o is refused', async (profile, code) => {
    expect(await call(await signIn(), 'POST', '/profile', profile)).toMatchObject({ status: 400, body: code })
  })

  test('that does not exist is neither found nor assigned', async () => {
    addDevices(1)
    const token = await signIn()
    expect(await call(token, 'GET', '/profile?profile_uuid=X')).toMatchObject({ status: 404, body: 'PROFILE_NOT_FOUND' })
    const assigned = await call(token, 'PUT', '/profile/devices', { profile_uuid: 'X', devices: ['ADEMAC000000'] })
    expect(assigned).toMatchObject({ status: 404, body: 'PROFILE_NOT_FOUND' })
  })

  test('leaves with a device that is disowned', async () => {
    addDevices(1)
    const token = await signIn()
    const disowned = await call(token, 'POST', '/devices/disown', { devices: ['ADEMAC000000'] })
    expect(disowned.body.devices).toEqual({ ADEMAC000000: 'SUCCESS' })
    expect(ade.control.devices()).toEqual([])
  })
})

test('the token file opens with the uploaded key alone, and holds the words to sign in with', async () => {
  const keys = forge.pki.rsa.generateKeyPair(1024)
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = keys.publicKey
  certificate.serialNumber = '01'
  certificate.validity.notAfter = new Date(Date.now() + 3600_000)
  certificate.setSubject([{ name: 'commonName', value: 'server' }])
  certificate.setIssuer([{ name: 'commonName', value: 'server' }])
  certificate.sign(keys.privateKey, forge.md.sha256.create())
  const file = Buffer.from(ade.control.tokenFile(forge.pki.certificateToPem(certificate))).toString()
  expect(file).toMatch(/^Content-Type: application\/pkcs7-mime; .*smime-type=enveloped-data\r\n/)
  const der = Buffer.from(file.slice(file.indexOf('\r\n\r\n')), 'base64').toString('latin1')
  const message = forge.pkcs7.messageFromAsn1(forge.asn1.fromDer(der)) as forge.pkcs7.Captured<forge.pkcs7.PkcsEnvelopedData>
  const recipient = message.findRecipient(certificate)
  if (recipient === null) throw new Error('not for this certificate')
  message.decrypt(recipient, keys.privateKey)
  const text = String(message.content?.toString())
  const json = /-----BEGIN MESSAGE-----\r\n(.*)\r\n-----END MESSAGE-----/.exec(text)?.[1] ?? ''
  expect(JSON.parse(json)).toEqual(ade.control.token())
})
