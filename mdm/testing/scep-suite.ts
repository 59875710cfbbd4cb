import { createHash, webcrypto, X509Certificate } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FurtherIdentityRefused } from '../enrollment/further-identity.ts'
import { ScepNotOffered } from '../enrollment/invite.ts'
import { arrayAt, dataAt, integerAt, type PlistDict, stringAt } from '../plist/value.ts'
import type { Issuer, RawReply, RsaIssuer } from '../ports.ts'
import type { PortsUnderTest } from './journey-suite.ts'
import { ask, certificateRequest, newRsaKeys, requestCertificate, type ScepRequest, selfSigned } from './scep-client.ts'
import { testScepCa } from './scep-issuer.ts'
import { createTestInstallation, type TestInstallation } from './test-installation.ts'
import { readSignedProfile, type TestMac } from './test-mac.ts'

const DAY_MS = 24 * 3600_000
const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest())

/** SCEP, from the link to the renewal, over whichever ports. */
export function describeScep(name: string, open: () => Promise<PortsUnderTest>): void {
  describe(`SCEP over ${name}`, () => {
    let ports: PortsUnderTest
    let here: TestInstallation
    let ca: RsaIssuer
    beforeEach(async () => {
      ports = await open()
      here = await createTestInstallation(ports, ports)
      ca = await testScepCa(here.deps.clock.now())
      here.deps.scep = ca
    })
    afterEach(async () => ports.drop?.())

    const codeOf = ({ status, body }: RawReply) => {
      const said = new TextDecoder().decode(body)
      return said.startsWith('{') ? (JSON.parse(said) as { error: { code: string } }).error.code : status
    }
    const payloadOf = (plist: PlistDict) =>
      ((arrayAt(plist, 'PayloadContent') as PlistDict[])[0] as PlistDict).get('PayloadContent') as PlistDict
    async function invited(serial = 'C02TTT') {
      await ports.ensureMac?.({ macId: `mac-${serial}`, serial })
      const { code, enrollmentId } = await here.mdm.invite({ macId: `mac-${serial}`, serial, identityKind: 'scep' })
      const mac = here.mac(serial)
      const profile = await mac.fetchProfile(code)
      if (!('plist' in profile)) throw new Error('no profile')
      const payload = payloadOf(profile.plist)
      const request: ScepRequest = { commonName: enrollmentId, challenge: stringAt(payload, 'Challenge') }
      return { mac, code, enrollmentId, payload, request }
    }
    async function enrolled() {
      const { mac, request, enrollmentId } = await invited()
      const { identity } = await requestCertificate(here.mdm, request)
      if (identity === undefined) throw new Error('no identity')
      mac.use(identity)
      await mac.authenticate()
      await mac.tokenUpdate()
      return { mac, identity, enrollmentId }
    }
    const speak = async (mac: TestMac, identity?: Issuer) => codeOf(await mac.checkin({ MessageType: 'GetToken' }, identity))
    const HEARD = 'TOKEN_SERVICE_NOT_OFFERED'
    const refused = { status: 200, pkiStatus: '2', identity: undefined }

    test('says what it can, and gives its CA', async () => {
      const capabilities = await here.mdm.handleScep(ask('GET', 'operation=GetCACaps'))
      expect(new TextDecoder().decode(capabilities.body).split('\n')).toEqual(
        expect.arrayContaining(['AES', 'POSTPKIOperation', 'SCEPStandard', 'SHA-256', 'Renewal']),
      )
      expect(await here.mdm.handleScep(ask('GET', 'operation=GetCACert'))).toMatchObject({ status: 200, body: ca.certificate })
      expect(codeOf(await here.mdm.handleScep(ask('GET', 'operation=Other')))).toBe('SCEP_OPERATION_UNKNOWN')
    })

    test('the profile names the CA and carries a one-time challenge', async () => {
      const { payload } = await invited()
      expect(dataAt(payload, 'CAFingerprint')).toEqual(sha256(ca.certificate))
      expect([integerAt(payload, 'Keysize'), stringAt(payload, 'Key Type')]).toEqual([2048, 'RSA'])
      expect(stringAt(payload, 'Challenge')).toMatch(/^[\w-]{32}$/)
    })

    test('a Mac enrolls, and can be managed', async () => {
      const { mac, enrollmentId, identity } = await enrolled()
      expect(await mac.idle()).toMatchObject({ status: 200 })
      expect(await ports.enrollments.find(enrollmentId)).toMatchObject({ state: 'enrolled', identityKind: 'scep' })
      expect((await ports.enrollments.findByIdentity(sha256(identity.certificate)))?.identity).toMatchObject({
        kind: 'scep',
        standing: 'current',
      })
      const certificate = new X509Certificate(identity.certificate)
      expect([certificate.verify(new X509Certificate(ca.certificate).publicKey), certificate.subject]).toEqual([true, `CN=${enrollmentId}`])
    })

    test('nothing was attested: the fleet hears of no attestation, and none can be asked for', async () => {
      const { enrollmentId } = await enrolled()
      expect(here.eventsNamed('onAcmeAttested')).toEqual([])
      await expect(here.mdm.reattest(enrollmentId, { token: 'A'.repeat(43), ttlMs: DAY_MS })).rejects.toMatchObject({ reason: 'kind' })
    })

    test('a challenge is good once', async () => {
      const { request } = await invited()
      expect((await requestCertificate(here.mdm, request)).pkiStatus).toBe('0')
      expect(await requestCertificate(here.mdm, request)).toEqual(refused)
    })

    test('two requests with one challenge at one moment leave one identity', async () => {
      const { request } = await invited()
      const outcomes = await Promise.all([1, 2].map(() => requestCertificate(here.mdm, request)))
      expect(outcomes.map(({ pkiStatus }) => pkiStatus).sort()).toEqual(['0', '2'])
    })

    describe('a request is refused when only', () => {
      test('its challenge is unknown', async () => {
        const { request } = await invited()
        expect(await requestCertificate(here.mdm, { ...request, challenge: 'guess' })).toEqual(refused)
      })
      test('it has no challenge', async () => {
        const { request } = await invited()
        expect(await requestCertificate(here.mdm, { ...request, challenge: undefined })).toEqual(refused)
      })
      test('its challenge has expired', async () => {
        const { request } = await invited()
        here.advance(DAY_MS)
        expect(await requestCertificate(here.mdm, request)).toEqual(refused)
      })
      test('its challenge is a ClientIdentifier of ACME', async () => {
        await ports.ensureMac?.({ macId: 'mac-A', serial: 'C02AAA' })
        const { code, enrollmentId } = await here.mdm.invite({ macId: 'mac-A', serial: 'C02AAA' })
        const profile = await here.mac('C02AAA').fetchProfile(code)
        if (!('plist' in profile)) throw new Error('no profile')
        expect(await requestCertificate(here.mdm, { commonName: enrollmentId, challenge: profile.clientIdentifier })).toEqual(refused)
      })
      test('it names another enrollment', async () => {
        const { request } = await invited()
        expect(await requestCertificate(here.mdm, { ...request, commonName: 'another' })).toEqual(refused)
      })
      test('its message was signed with another key than the requested one', async () => {
        const { request } = await invited()
        expect((await requestCertificate(here.mdm, { ...request, signer: await selfSigned(await newRsaKeys()) })).pkiStatus).toBe('2')
      })
      test('its key is no RSA key', async () => {
        const { request } = await invited()
        const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, true, ['sign', 'verify'])
        expect((await requestCertificate(here.mdm, { ...request, csr: await certificateRequest(keys, request) })).pkiStatus).toBe('2')
      })
      test('its key is too short', async () => {
        const { request } = await invited()
        const algorithm = { name: 'RSASSA-PKCS1-v1_5', modulusLength: 1024, publicExponent: Uint8Array.of(1, 0, 1), hash: 'SHA-256' }
        const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
        expect((await requestCertificate(here.mdm, { ...request, csr: await certificateRequest(keys, request) })).pkiStatus).toBe('2')
      })
      test('its inner request was changed', async () => {
        const { request } = await invited()
        const keys = await newRsaKeys()
        const csr = await certificateRequest(keys, request)
        csr[csr.length - 1] = (csr[csr.length - 1] as number) ^ 1
        expect((await requestCertificate(here.mdm, { ...request, keys, csr })).pkiStatus).toBe('2')
        expect((await requestCertificate(here.mdm, { ...request, csr: Uint8Array.of(1, 2) })).pkiStatus).toBe('2')
      })
      test('it is encrypted to somebody else, or is no message at all', async () => {
        const { request } = await invited()
        const other = await selfSigned(await newRsaKeys())
        expect((await requestCertificate(here.mdm, { ...request, ca: other.certificate })).status).toBe(400)
        expect(codeOf(await here.mdm.handleScep(ask('POST', 'operation=PKIOperation', Uint8Array.of(0x30, 0))))).toBe(
          'SCEP_MESSAGE_MALFORMED',
        )
        expect(codeOf(await here.mdm.handleScep(ask('GET', 'operation=PKIOperation&message=%%%')))).toBe('SCEP_MESSAGE_MALFORMED')
        expect(codeOf(await here.mdm.handleScep(ask('POST', 'operation=PKIOperation', new Uint8Array(16 * 1024 + 1))))).toBe(
          'SCEP_MESSAGE_MALFORMED',
        )
      })
      test('a newer link has replaced its own', async () => {
        const { request } = await invited()
        await invited()
        expect(await requestCertificate(here.mdm, request)).toEqual(refused)
      })
    })

    describe('renewal', () => {
      test('by the profile sent again: SCEP once more, never ACME', async () => {
        const { mac, enrollmentId, identity: old } = await enrolled()
        await here.mdm.renewIdentity(enrollmentId)
        const command = await mac.idle()
        const profile = readSignedProfile(dataAt(command.command ?? new Map(), 'Payload') ?? new Uint8Array())
        expect(stringAt((arrayAt(profile.plist, 'PayloadContent') as PlistDict[])[0] as PlistDict, 'PayloadType')).toBe(
          'com.apple.security.scep',
        )
        const challenge = stringAt(payloadOf(profile.plist), 'Challenge')
        const { identity } = await requestCertificate(here.mdm, { commonName: enrollmentId, challenge, keys: await newRsaKeys() })
        expect(await speak(mac, old)).toBe(HEARD)
        expect([await speak(mac, identity), await speak(mac, old)]).toEqual([HEARD, 'CERT_SUPERSEDED'])
      })

      test('by RenewalReq under the identity in use, in the second half of its life', async () => {
        const { mac, enrollmentId, identity: old } = await enrolled()
        const renewal: ScepRequest = { commonName: enrollmentId, type: 'RenewalReq', signer: old, keys: await newRsaKeys() }
        expect((await requestCertificate(here.mdm, renewal)).pkiStatus).toBe('2')
        here.advance(91 * DAY_MS)
        const { identity } = await requestCertificate(here.mdm, renewal)
        expect([await speak(mac, identity), await speak(mac, old)]).toEqual([HEARD, 'CERT_SUPERSEDED'])
        expect((await requestCertificate(here.mdm, renewal)).pkiStatus).toBe('2')
      })

      test('RenewalReq under a certificate that is nobody’s, or revoked, gives nothing', async () => {
        const { enrollmentId, identity } = await enrolled()
        here.advance(91 * DAY_MS)
        const renewal: ScepRequest = { commonName: enrollmentId, type: 'RenewalReq', keys: await newRsaKeys() }
        expect((await requestCertificate(here.mdm, { ...renewal, signer: await selfSigned(await newRsaKeys()) })).pkiStatus).toBe('2')
        await here.mdm.revokeIdentities({ enrollmentId }, 'lost')
        expect((await requestCertificate(here.mdm, { ...renewal, signer: identity })).pkiStatus).toBe('2')
      })
    })

    describe('while it is switched off', () => {
      test('nothing is offered', async () => {
        here.deps.scep = undefined
        expect(codeOf(await here.mdm.handleScep(ask('GET', 'operation=GetCACaps')))).toBe('SCEP_NOT_OFFERED')
        await expect(here.mdm.invite({ macId: 'mac', serial: 'C02AAA', identityKind: 'scep' })).rejects.toThrow(ScepNotOffered)
      })

      test('what it issued before is believed no more, and is not renewed', async () => {
        const { mac, enrollmentId } = await enrolled()
        here.deps.scep = undefined
        expect(await speak(mac)).toBe('CERT_NOT_OURS')
        await expect(here.mdm.renewIdentity(enrollmentId)).rejects.toThrow(FurtherIdentityRefused)
      })
    })
  })
}
