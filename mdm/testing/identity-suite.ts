import { createHash, X509Certificate } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FurtherIdentityRefused } from '../enrollment/further-identity.ts'
import { arrayAt, dataAt, type PlistDict, stringAt } from '../plist/value.ts'
import type { RawReply } from '../ports.ts'
import type { PortsUnderTest } from './journey-suite.ts'
import { createTestInstallation, type TestInstallation } from './test-installation.ts'
import { type Identity, type Profile, type ReceivedCommand, readPlainProfile, readSignedProfile, type TestMac } from './test-mac.ts'

const DAY_MS = 24 * 3600_000
const TOKEN = Buffer.alloc(32, 7).toString('base64url')
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest())
const certificateOf = (identity: Identity): X509Certificate => new X509Certificate(identity.certificate)

/** Identities after the first: renewed, revoked, for another server, or made for an attestation alone. */
export function describeIdentities(name: string, open: () => Promise<PortsUnderTest>): void {
  describe(`identities over ${name}`, () => {
    let ports: PortsUnderTest
    let here: TestInstallation
    let mac: TestMac
    let enrollmentId: string
    beforeEach(async () => {
      ports = await open()
      here = await createTestInstallation(ports, ports)
      mac = here.mac('C02AAA')
      enrollmentId = await here.enroll(mac)
    })
    afterEach(async () => ports.drop?.())

    const codeOf = ({ status, body }: RawReply) => {
      const text = new TextDecoder().decode(body)
      return text.startsWith('{') ? (JSON.parse(text) as { error: { code: string } }).error.code : status
    }
    /** A message that changes nothing, under any identity. */
    const speak = async (identity?: Identity) => codeOf(await mac.checkin({ MessageType: 'GetToken' }, identity))
    const HEARD = 'TOKEN_SERVICE_NOT_OFFERED'
    const profileIn = (command: ReceivedCommand): Profile =>
      readSignedProfile(dataAt(command.command ?? new Map(), 'Payload') ?? new Uint8Array())
    const acknowledge = (command: ReceivedCommand) => mac.connect({ Status: 'Acknowledged', CommandUUID: command.uuid })
    const payloads = (profile: Profile) => arrayAt(profile.plist, 'PayloadContent') as PlistDict[]
    const renew = async () => {
      const uuid = await here.mdm.renewIdentity(enrollmentId)
      const command = await mac.idle()
      expect(command.uuid).toBe(uuid)
      return { command, profile: profileIn(command), renewed: await mac.obtain(profileIn(command)) }
    }
    const current = async () => (await ports.enrollments.find(enrollmentId))?.identitySha256

    describe('renewal', () => {
      test('the old identity stays valid until the first message under the new one, then it is superseded', async () => {
        const old = mac.identity() as Identity
        const { renewed } = await renew()
        expect([await speak(old), await current()]).toEqual([HEARD, sha256(old.certificate)])
        expect(here.eventsNamed('onIdentityPromoted')).toEqual([])
        expect([await speak(renewed), await current()]).toEqual([HEARD, sha256(renewed.certificate)])
        expect(here.eventsNamed('onIdentityPromoted')).toMatchObject([{ enrollmentId, identitySha256: sha256(renewed.certificate) }])
        expect([await speak(old), await speak(renewed)]).toEqual(['CERT_SUPERSEDED', HEARD])
        expect(here.eventsNamed('onIdentityPromoted')).toHaveLength(1)
      })

      test('a message under the new identity that is refused promotes nothing', async () => {
        const old = mac.identity() as Identity
        const { renewed } = await renew()
        expect(codeOf(await mac.checkin({ MessageType: 'GetToken', UDID: 'another' }, renewed))).toBe('UDID_MISMATCH')
        expect(await speak(old)).toBe(HEARD)
      })

      test('nothing of the MDM payload changes but the identity that it names', async () => {
        const { code } = await here.mdm.invite({ macId: 'mac-C02AAA', serial: 'C02AAA' })
        const first = await mac.fetchProfile(code)
        if (!('plist' in first)) throw new Error('no profile')
        here.deps.topic = () => 'com.apple.mgmt.External.another'
        const { profile } = await renew()
        const fixed = ({ plist }: Profile) => {
          const {
            PayloadUUID: _,
            IdentityCertificateUUID: __,
            ...rest
          } = Object.fromEntries((arrayAt(plist, 'PayloadContent') as PlistDict[])[1] ?? [])
          return rest
        }
        expect(fixed(profile)).toEqual(fixed(first))
        expect(stringAt(profile.plist, 'PayloadIdentifier')).toBe(stringAt(first.plist, 'PayloadIdentifier'))
        const [acme, mdm] = payloads(profile)
        expect(mdm?.get('IdentityCertificateUUID')).toBe(acme?.get('PayloadUUID'))
        expect(profile.clientIdentifier).not.toBe(first.clientIdentifier)
      })

      test('tells the judge and the listener that it is a renewal, and enrolls nothing again', async () => {
        await renew()
        expect(here.eventsNamed('onAcmeAttested').map(({ purpose }) => purpose)).toEqual(['enrollment', 'renewal'])
        expect((await ports.enrollments.find(enrollmentId))?.state).toBe('enrolled')
        expect(here.eventsNamed('onAuthenticate')).toHaveLength(1)
      })

      test('one attempt is outstanding: a second wish takes the place of the first, command and code', async () => {
        await here.mdm.renewIdentity(enrollmentId)
        const stale = profileIn(await mac.idle())
        const uuid = await here.mdm.renewIdentity(enrollmentId)
        const command = await mac.idle()
        expect(command.uuid).toBe(uuid)
        await expect(mac.obtain(stale)).rejects.toThrow('rejectedIdentifier')
        await mac.obtain(profileIn(command))
        expect(await acknowledge(command)).toMatchObject({ uuid: undefined })
      })

      test('the code of a renewal is good for one certificate', async () => {
        const { profile } = await renew()
        await expect(mac.obtain(profile)).rejects.toThrow('rejectedIdentifier')
      })

      test('what is not enrolled, and what another server manages, is not asked', async () => {
        await here.mdm.end(enrollmentId)
        await expect(here.mdm.renewIdentity(enrollmentId)).rejects.toThrow(FurtherIdentityRefused)
        await expect(here.mdm.renewIdentity('unknown')).rejects.toThrow(FurtherIdentityRefused)
      })

      test('a renewed identity has its own full life', async () => {
        here.advance(120 * DAY_MS)
        const { renewed } = await renew()
        here.advance(61 * DAY_MS)
        expect([await speak(), await speak(renewed)]).toEqual(['CERT_EXPIRED', HEARD])
      })
    })

    describe('re-attestation', () => {
      const ask = async (token = TOKEN) => {
        const uuid = await here.mdm.reattest(enrollmentId, { token, ttlMs: DAY_MS })
        const command = await mac.idle()
        expect(command).toMatchObject({ uuid, requestType: 'InstallProfile' })
        return { command, profile: profileIn(command) }
      }

      test('asks for a further hardware-bound, attested key under a PayloadIdentifier of its own', async () => {
        const { profile } = await ask()
        expect(payloads(profile)).toHaveLength(1)
        expect(Object.fromEntries(payloads(profile)[0] ?? [])).toMatchObject({
          PayloadType: 'com.apple.security.acme',
          HardwareBound: true,
          Attest: true,
          KeyIsExtractable: false,
        })
        expect(stringAt(profile.plist, 'PayloadIdentifier')).toBe('espalier.example.reattestation')
      })

      test('has it attested under exactly the token that was given', async () => {
        await mac.obtain((await ask()).profile)
        expect(here.eventsNamed('onAcmeAttested').at(-1)).toMatchObject({ enrollmentId, purpose: 'reattestation', token: TOKEN })
      })

      test('a certificate made for an attestation can never authenticate a message', async () => {
        const made = await mac.obtain((await ask()).profile)
        expect(certificateOf(made).keyUsage).not.toContain(CLIENT_AUTH)
        expect(await speak(made)).toBe('CERT_WRONG_USE')
        expect(await ports.enrollments.findByIdentity(sha256(made.certificate))).toBeUndefined()
        expect(await current()).toEqual(sha256((mac.identity() as Identity).certificate))
      })

      test('its certificate is short-lived', async () => {
        const { validFromDate, validToDate } = certificateOf(await mac.obtain((await ask()).profile))
        expect(validToDate.getTime() - validFromDate.getTime()).toBe(2 * 3600_000)
      })

      test.each(['Acknowledged', 'Error'])('the profile is removed once the Mac has answered %s', async (status) => {
        const { command } = await ask()
        const removal = await mac.connect({ Status: status, CommandUUID: command.uuid })
        expect(removal).toMatchObject({ requestType: 'RemoveProfile' })
        expect(stringAt(removal.command ?? new Map(), 'Identifier')).toBe('espalier.example.reattestation')
        expect(await acknowledge(removal)).toMatchObject({ uuid: undefined })
      })

      test('a profile that the Mac puts off is not removed before it was installed', async () => {
        const { command } = await ask()
        expect(await mac.connect({ Status: 'NotNow', CommandUUID: command.uuid })).toMatchObject({ uuid: undefined })
        expect(await mac.idle()).toMatchObject({ uuid: command.uuid })
      })

      test('one is outstanding: a later wish takes the place of an earlier one', async () => {
        const first = await ask()
        const second = await ask(Buffer.alloc(32, 8).toString('base64url'))
        await expect(mac.obtain(first.profile)).rejects.toThrow('rejectedIdentifier')
        await mac.obtain(second.profile)
        expect((await acknowledge(second.command)).requestType).toBe('RemoveProfile')
      })

      test('two wishes at one moment leave one that works', async () => {
        await Promise.all(
          [1, 2].map((fill) => here.mdm.reattest(enrollmentId, { token: Buffer.alloc(16, fill).toString('base64url'), ttlMs: DAY_MS })),
        )
        const command = await mac.idle()
        await mac.obtain(profileIn(command))
        expect((await acknowledge(command)).requestType).toBe('RemoveProfile')
      })

      test('is over with its time', async () => {
        const { profile } = await ask()
        here.advance(DAY_MS)
        await expect(mac.obtain(profile)).rejects.toThrow('rejectedIdentifier')
      })

      test.each([
        ['of fewer than 128 bits', Buffer.alloc(15).toString('base64url')],
        ['that is no base64url', `${TOKEN}=`],
        ['of no length', ''],
        ['far too long', Buffer.alloc(97).toString('base64url')],
      ])('refuses a token %s', async (_, token) => {
        await expect(here.mdm.reattest(enrollmentId, { token, ttlMs: DAY_MS })).rejects.toMatchObject({ reason: 'token' })
      })

      test('is asked of no Mac that is not enrolled', async () => {
        await here.mdm.end(enrollmentId)
        await expect(here.mdm.reattest(enrollmentId, { token: TOKEN, ttlMs: DAY_MS })).rejects.toMatchObject({ reason: 'not_enrolled' })
      })

      test('ends when the Mac enrolls anew in between', async () => {
        const { profile } = await ask()
        await mac.authenticate()
        await expect(mac.obtain(profile)).rejects.toThrow('rejectedIdentifier')
      })
    })

    describe('revocation', () => {
      test('of an enrollment’s identities is immediate, the waiting one included', async () => {
        const { renewed } = await renew()
        expect(await here.mdm.revokeIdentities({ enrollmentId }, 'stolen')).toBe(2)
        expect([await speak(), await speak(renewed)]).toEqual(['CERT_REVOKED', 'CERT_REVOKED'])
        expect(await here.mdm.revokeIdentities({ enrollmentId }, 'stolen')).toBe(0)
      })

      test('of one certificate leaves the others alone', async () => {
        const { renewed } = await renew()
        expect(await here.mdm.revokeIdentities({ certificateSha256: sha256(renewed.certificate) }, 'lost')).toBe(1)
        expect([await speak(renewed), await speak()]).toEqual(['CERT_REVOKED', HEARD])
        expect(await here.mdm.revokeIdentities({ certificateSha256: new Uint8Array(32) }, 'lost')).toBe(0)
      })

      test('of the one in use is not undone by the one that waits', async () => {
        const { renewed } = await renew()
        expect(await here.mdm.revokeIdentities({ certificateSha256: sha256(mac.identity()?.certificate as Uint8Array) }, 'lost')).toBe(1)
        expect([await speak(), await speak(renewed)]).toEqual(['CERT_REVOKED', 'CERT_SUPERSEDED'])
      })

      test('an enrollment that has ended is answered 410 all the same', async () => {
        await here.mdm.revokeIdentities({ enrollmentId }, 'gone')
        await here.mdm.end(enrollmentId)
        expect(await speak()).toBe('ENROLLMENT_ENDED')
      })

      test('a revoked Mac enrolls anew with a new link', async () => {
        await here.mdm.revokeIdentities({ enrollmentId }, 'lost')
        const again = here.mac('C02AAA')
        await here.enroll(again)
        expect(await again.idle()).toMatchObject({ status: 200 })
      })
    })

    test('an automated enrollment, which MachineInfo begins, leaves a person’s invitation good; a person’s ends it', async () => {
      const invitation = { macId: 'mac-C02AUT', serial: 'C02AUT' }
      await ports.ensureMac?.(invitation)
      const fetch = async ({ code }: { code: string }) => 'plist' in (await here.mac(invitation.serial).fetchProfile(code))
      const byHand = await here.mdm.invite(invitation)
      const automated = await here.mdm.invite({ ...invitation, kind: 'automated' })
      expect(await fetch(byHand)).toBe(true)
      expect(await here.mdm.issueProfileFor(automated.enrollmentId)).toBeDefined()
      const again = await here.mdm.invite({ ...invitation, kind: 'automated' })
      expect(await here.mdm.issueProfileFor(automated.enrollmentId)).toBeUndefined()
      await here.mdm.invite(invitation)
      expect(await here.mdm.issueProfileFor(again.enrollmentId)).toBeUndefined()
      expect(await fetch(byHand)).toBe(false)
    })

    describe('a Mac of another MDM server', () => {
      const exportFor = async (serial: string) => {
        await ports.ensureMac?.({ macId: `mac-${serial}`, serial })
        const exported = await here.mdm.exportExternal({ macId: `mac-${serial}`, serial })
        return { ...exported, read: readPlainProfile(exported.profile) }
      }

      test('gets an unsigned profile with an attested key and nothing that manages', async () => {
        const { read, enrollmentId: id } = await exportFor('C02XXX')
        expect(payloads(read).map((payload) => stringAt(payload, 'PayloadType'))).toEqual(['com.apple.security.acme'])
        expect(await ports.enrollments.find(id)).toMatchObject({ kind: 'external', state: 'profile_issued' })
      })

      test('has Apple’s attestation judged for its serial number', async () => {
        const { read, enrollmentId: id } = await exportFor('C02XXX')
        const made = await here.mac('C02XXX').obtain(read)
        expect(here.eventsNamed('onAcmeAttested').at(-1)).toMatchObject({ purpose: 'external', serial: 'C02XXX', enrollmentId: id })
        expect(await ports.enrollments.find(id)).toMatchObject({ state: 'acme_attested', identitySha256: sha256(made.certificate) })
        await expect(mac.obtain(read)).rejects.toThrow('rejectedIdentifier')
      })

      test('can never authenticate as a managed one, nor be sent a command', async () => {
        const { read, enrollmentId: id } = await exportFor('C02XXX')
        const stranger = here.mac('C02XXX')
        stranger.use(await stranger.obtain(read))
        expect(codeOf(await stranger.authenticate())).toBe('CERT_WRONG_USE')
        await expect(here.mdm.renewIdentity(id)).rejects.toThrow(FurtherIdentityRefused)
        await expect(here.mdm.reattest(id, { token: TOKEN, ttlMs: DAY_MS })).rejects.toThrow(FurtherIdentityRefused)
        expect(await here.mdm.issueProfileFor(id)).toBeUndefined()
      })

      test('does not disturb what we manage ourselves', async () => {
        await here.mac('C02AAA').obtain((await exportFor('C02AAA')).read)
        expect(await mac.idle()).toMatchObject({ status: 200 })
      })

      test('the newest attested of its profiles counts', async () => {
        const first = await exportFor('C02XXX')
        await here.mac('C02XXX').obtain(first.read)
        await here.mac('C02XXX').obtain((await exportFor('C02XXX')).read)
        expect((await ports.enrollments.find(first.enrollmentId))?.state).toBe('superseded')
      })

      test('the profile is good for its time', async () => {
        const { read, expiresAt } = await exportFor('C02XXX')
        here.advance(expiresAt.getTime() - here.deps.clock.now().getTime())
        await expect(mac.obtain(read)).rejects.toThrow('rejectedIdentifier')
      })
    })

    describe('a Mac that is known otherwise than by a link', () => {
      test('enrolls with the profile that is issued for it', async () => {
        await ports.ensureMac?.({ macId: 'mac-C02ADE', serial: 'C02ADE' })
        const { enrollmentId: id, code } = await here.mdm.invite({ macId: 'mac-C02ADE', serial: 'C02ADE', kind: 'automated' })
        const automated = here.mac('C02ADE')
        expect(await automated.fetchProfile(code)).toEqual({ status: 404 })
        const profile = await here.mdm.issueProfileFor(id)
        if (profile === undefined) throw new Error('no profile')
        await automated.obtainIdentity(readSignedProfile(profile))
        await automated.authenticate()
        await automated.tokenUpdate()
        expect(await ports.enrollments.find(id)).toMatchObject({ kind: 'automated', state: 'enrolled' })
        expect(await here.mdm.issueProfileFor(id)).toBeUndefined()
        expect(await here.mdm.issueProfileFor('unknown')).toBeUndefined()
      })
    })
  })
}
