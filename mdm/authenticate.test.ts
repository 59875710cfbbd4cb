import { beforeEach, describe, expect, test } from 'vitest'
import { createDeviceCa } from './issuer.ts'
import { plistDict } from './plist/value.ts'
import { writePlistBytes } from './plist/write-plist.ts'
import type { RawRequest } from './ports.ts'
import { createMemoryPorts } from './testing/memory-ports.ts'
import { signDetached } from './testing/sign-detached.ts'
import { createTestInstallation, type TestInstallation, TOPIC } from './testing/test-installation.ts'
import type { TestMac } from './testing/test-mac.ts'
import { writeBinaryPlist } from './testing/write-binary-plist.ts'

let here: TestInstallation
let mac: TestMac
beforeEach(async () => {
  here = await createTestInstallation(createMemoryPorts())
  mac = here.mac('C02AAA')
  await here.enroll(mac)
})

const idle = (extra = {}) => writePlistBytes(plistDict({ Status: 'Idle', UDID: mac.udid, ...extra }))

async function send(body: Uint8Array, change: Partial<RawRequest> & { signed?: Uint8Array } = {}) {
  const identity = mac.identity()
  if (identity === undefined) throw new Error('no identity')
  const signature = Buffer.from(await signDetached(change.signed ?? body, identity)).toString('base64')
  const reply = await here.mdm.handleConnect({
    method: 'PUT',
    path: '/mdm/connect',
    headers: { 'mdm-signature': signature },
    body,
    ...change,
  })
  const text = new TextDecoder().decode(reply.body)
  return { status: reply.status, code: text.startsWith('{') ? (JSON.parse(text) as { error: { code: string } }).error.code : undefined }
}

describe('a message is accepted', () => {
  test('as XML and as binary', async () => {
    expect(await send(idle())).toEqual({ status: 200, code: undefined })
    const message = plistDict({ Status: 'Idle', UDID: mac.udid })
    expect(await send(writeBinaryPlist(message))).toEqual({ status: 200, code: undefined })
  })
})

describe('a message is refused when only', () => {
  test('the signature is missing', async () => {
    expect(await send(idle(), { headers: {} })).toEqual({ status: 401, code: 'SIGNATURE_MISSING' })
  })
  test('the signature is over other bytes, even ones that mean the same', async () => {
    const body = idle()
    const same = Uint8Array.of(...body, 10)
    expect(await send(same, { signed: body })).toEqual({ status: 401, code: 'CMS_DIGEST_MISMATCH' })
  })
  test('the method is another', async () => expect((await send(idle(), { method: 'POST' })).status).toBe(405))
  test('the body is too large', async () => expect((await send(new Uint8Array(1024 * 1024 + 1))).status).toBe(413))
  test('the certificate is of another CA', async () => {
    const stranger = await createDeviceCa({ organization: 'Example AG', now: here.deps.clock.now() })
    const signature = Buffer.from(await signDetached(idle(), stranger)).toString('base64')
    expect(await send(idle(), { headers: { 'mdm-signature': signature } })).toEqual({ status: 401, code: 'CERT_NOT_OURS' })
  })
  test('the certificate is of our CA, and was issued to nobody', async () => {
    const other = await createTestInstallation(createMemoryPorts())
    const stray = other.mac('C02AAA')
    await other.enroll(stray)
    const identity = stray.identity()
    if (identity === undefined) throw new Error('no identity')
    const signature = Buffer.from(await signDetached(idle(), identity)).toString('base64')
    expect(await send(idle(), { headers: { 'mdm-signature': signature } })).toEqual({ status: 401, code: 'CERT_NOT_BOUND' })
  })
  test('the certificate has expired', async () => {
    here.advance(181 * 24 * 3600_000)
    expect(await send(idle())).toEqual({ status: 401, code: 'CERT_EXPIRED' })
  })
  test('the enrollment is one of another MDM server', async () => {
    const { enrollments } = here.deps
    const findByIdentity = enrollments.findByIdentity.bind(enrollments)
    enrollments.findByIdentity = async (hash) => {
      const bound = await findByIdentity(hash)
      return bound && { ...bound, enrollment: { ...bound.enrollment, kind: 'external' } }
    }
    expect(await send(idle())).toEqual({ status: 401, code: 'EXTERNAL_ENROLLMENT' })
  })
  test('the identity was revoked', async () => {
    const [attested] = here.eventsNamed('onAcmeAttested')
    await here.mdm.revokeIdentities({ enrollmentId: attested?.enrollmentId ?? '' }, 'lost')
    expect(await send(idle())).toEqual({ status: 401, code: 'CERT_REVOKED' })
  })
  test('TLS was spoken under another certificate, whoever’s it is', async () => {
    const own = mac.identity()?.certificate as Uint8Array
    const other = here.mac('C02BBB')
    await here.enroll(other)
    expect(await send(idle(), { clientCertificate: own })).toEqual({ status: 200, code: undefined })
    for (const clientCertificate of [other.identity()?.certificate, new Uint8Array(), here.deps.ca.certificate]) {
      expect(await send(idle(), { clientCertificate })).toEqual({ status: 401, code: 'CLIENT_CERT_MISMATCH' })
    }
  })
  test('there is a certificate in TLS, and no signature', async () => {
    const clientCertificate = mac.identity()?.certificate
    expect(await send(idle(), { headers: {}, clientCertificate })).toEqual({ status: 401, code: 'SIGNATURE_MISSING' })
  })
  test('the body is no plist', async () => {
    expect(await send(new TextEncoder().encode('{}'))).toEqual({ status: 400, code: 'PLIST_MALFORMED' })
  })
  test('the UDID stands there twice', async () => {
    const twice = new TextDecoder().decode(idle()).replace('</dict>', '<key>UDID</key><string>other</string></dict>')
    expect(await send(new TextEncoder().encode(twice))).toEqual({ status: 400, code: 'PLIST_MALFORMED' })
  })
  test('the UDID is another', async () => expect(await send(idle({ UDID: 'other' }))).toEqual({ status: 401, code: 'UDID_MISMATCH' }))
  test('the UDID is missing', async () => {
    expect(await send(writePlistBytes(plistDict({ Status: 'Idle' })))).toEqual({ status: 400, code: 'UDID_MISSING' })
  })
  test('it is of a user enrollment', async () => {
    expect(await send(idle({ EnrollmentID: 'x' }))).toEqual({ status: 401, code: 'USER_ENROLLMENT' })
  })
  test('its status is unknown', async () =>
    expect(await send(idle({ Status: 'Perhaps' }))).toEqual({ status: 400, code: 'STATUS_UNKNOWN' }))
})

describe('check-in', () => {
  const codeOf = async (reply: Promise<{ status: number; body: Uint8Array }>) => {
    const { status, body } = await reply
    return [
      status,
      body.length === 0 ? '' : ((JSON.parse(new TextDecoder().decode(body)) as { error: { code: string } }).error.code as string),
    ]
  }

  async function attestedMac() {
    const fresh = here.mac('C02CCC')
    const { code } = await here.mdm.invite({ macId: 'mac-c', serial: 'C02CCC' })
    const profile = await fresh.fetchProfile(code)
    if (!('plist' in profile)) throw new Error('no profile')
    await fresh.obtainIdentity(profile)
    return fresh
  }

  test('Authenticate names the serial that the identity was issued for', async () => {
    const fresh = await attestedMac()
    expect(await codeOf(fresh.authenticate({ SerialNumber: 'C02AAA' }))).toEqual([401, 'SERIAL_MISMATCH'])
    expect(await codeOf(fresh.authenticate({ SerialNumber: undefined }))).toEqual([401, 'SERIAL_MISMATCH'])
    expect(await codeOf(fresh.authenticate())).toEqual([200, ''])
  })
  test('Authenticate names our topic', async () => {
    expect(await codeOf((await attestedMac()).authenticate({ Topic: `${TOPIC}0` }))).toEqual([401, 'TOPIC_MISMATCH'])
  })
  test('without a push certificate of ours no topic is right, not even none', async () => {
    const fresh = await attestedMac()
    here.deps.topic = () => undefined
    expect(await codeOf(fresh.authenticate({ Topic: undefined }))).toEqual([401, 'TOPIC_MISMATCH'])
    here.deps.topic = () => TOPIC
    expect(await codeOf(fresh.authenticate())).toEqual([200, ''])
    here.deps.topic = () => undefined
    expect(await codeOf(fresh.tokenUpdate({ Topic: undefined }))).toEqual([400, 'TOPIC_MISMATCH'])
  })
  test('nothing but Authenticate is heard before Authenticate', async () => {
    const fresh = await attestedMac()
    expect(await codeOf(fresh.tokenUpdate())).toEqual([401, 'NOT_AUTHENTICATED'])
    expect(await fresh.idle()).toMatchObject({ status: 401 })
  })
  test('Authenticate cannot move an enrollment to another UDID', async () => {
    expect(await codeOf(mac.authenticate({ UDID: 'other' }))).toEqual([401, 'UDID_MISMATCH'])
  })
  test('a user’s TokenUpdate does not enroll the device', async () => {
    await mac.authenticate()
    expect(await codeOf(mac.tokenUpdate({ UserID: 'u' }))).toEqual([200, ''])
    expect(here.eventsNamed('onEnrolled')).toHaveLength(1)
  })
  test.each([
    ['another topic', { Topic: 'com.apple.mgmt.x' }, 'TOPIC_MISMATCH'],
    ['no token', { Token: undefined }, 'TOKEN_MALFORMED'],
    ['a token as text', { Token: '010203' }, 'TOKEN_MALFORMED'],
    ['no PushMagic', { PushMagic: undefined }, 'PUSH_MAGIC_MALFORMED'],
  ])('a TokenUpdate with %s must not enroll', async (_, facts, code) => {
    await mac.authenticate()
    expect(await codeOf(mac.tokenUpdate(facts))).toEqual([400, code])
  })
  test('users are declined, and what is not offered says so', async () => {
    expect(await codeOf(mac.checkin({ MessageType: 'UserAuthenticate', UserID: 'u' }))).toEqual([410, 'USERS_NOT_MANAGED'])

    expect((await mac.checkin({ MessageType: 'DeclarativeManagement', Endpoint: 'tokens' })).status).toBe(404)
    expect((await mac.checkin({ MessageType: 'GetToken', TokenServiceType: 'com.apple.maid' })).status).toBe(404)
    const token = await mac.checkin({ MessageType: 'GetBootstrapToken' })
    expect([token.status, new TextDecoder().decode(token.body).includes('<dict></dict>')]).toEqual([200, true])
    expect(await codeOf(mac.checkin({ MessageType: 'Surprise' }))).toEqual([400, 'MESSAGE_TYPE_UNKNOWN'])
  })
  test('a user’s channel has no commands', async () => {
    const enrollment = here.eventsNamed('onEnrolled')[0]?.enrollmentId ?? ''
    await here.mdm.enqueue(enrollment, { requestType: 'SecurityInfo', payload: new Map() }, { ttlMs: 1000 })
    expect(await mac.connect({ Status: 'Idle', UserID: 'u' })).toMatchObject({ status: 200, uuid: undefined })
  })
})
