import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { base64url } from '#protocol/bytes'
import { type AttestationOverrides, createEvaluationAuthority, issueAttestation } from '../../test/software-mac/apple/authority.ts'
import { acmeFreshness } from '../attestation/nonce.ts'
import type { AttestationRow } from '../store/attestations.ts'
import { chooseAttestation } from './choose-attestation.ts'

const now = new Date('2026-11-21T12:00:00Z')
const authority = createEvaluationAuthority({ now })
const spki = new Uint8Array(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'der', type: 'spki' }))
const bytes = (fill: number): Uint8Array => new Uint8Array(32).fill(fill)

const boundKey = bytes(1)
const otherKey = bytes(2)
const nonces = [
  { nonce: bytes(11), preimage: bytes(0), agentKey: boundKey, issuedAt: now },
  { nonce: bytes(12), preimage: bytes(0), agentKey: otherKey, issuedAt: now },
]

function attestation(
  id: string,
  freshness: Uint8Array,
  posture: { sip?: number; secureBoot?: string; kexts?: number; overrides?: AttestationOverrides } = {},
  source: AttestationRow['source'] = 'device_information',
): AttestationRow {
  const chain = issueAttestation(authority, {
    leafPublicKeySpki: spki,
    serial: 'C02ABCDEFGHJ',
    udid: '00006030-0001020304050607',
    osVersion: '26.1',
    sepOsVersion: '2811.40.34',
    llb: 'mBoot-18000.40.1',
    softwareUpdateDeviceId: 'J514sAP',
    freshness,
    now,
    ...posture,
  })
  return { id, enrollmentId: 'enr_1', source, token: null, evidenceDigest: bytes(0), chain, bootSession: null, receivedAt: now }
}

const aboutBound = attestation('about the bound key', bytes(11))
const aboutOther = attestation('about another key', bytes(12))
const unasked = attestation('about nothing asked', bytes(13))

describe('of several attestations', () => {
  test('the one about the bound key counts, though a later one is about another key', () => {
    expect(chooseAttestation([aboutOther, aboutBound], nonces, boundKey)?.id).toBe('about the bound key')
    expect(chooseAttestation([unasked, aboutOther, aboutBound], nonces, boundKey)?.id).toBe('about the bound key')
  })

  test('the newest counts where none is about the bound key, or none is bound', () => {
    expect(chooseAttestation([aboutOther, unasked], nonces, boundKey)?.id).toBe('about another key')
    expect(chooseAttestation([aboutOther, aboutBound], nonces, undefined)?.id).toBe('about another key')
    expect(chooseAttestation([], nonces, boundKey)).toBeUndefined()
  })

  test.each([
    ['SIP off', { sip: 1 }],
    ['Reduced Security', { secureBoot: 'Reduced Security' }],
    ['kernel extensions', { kexts: 1 }],
  ])('a later one that shows %s is never passed over for an earlier, better one', (_name, posture) => {
    const worse = attestation('worse', bytes(12), posture)
    expect(chooseAttestation([worse, aboutBound], nonces, boundKey)?.id).toBe('worse')
  })

  test('a later one that cannot be read is never passed over either', () => {
    const unreadable = { ...aboutOther, id: 'unreadable', chain: [bytes(0)] }
    expect(chooseAttestation([unreadable, aboutBound], nonces, boundKey)?.id).toBe('unreadable')
  })
})

describe('of attestations by two paths', () => {
  const answer = acmeFreshness(base64url(bytes(11)))
  const without = (suffix: string, value?: Uint8Array) => ({
    overrides: {
      extensions: (all: { oid: string; value: Uint8Array }[]) =>
        all.flatMap((one) => (one.oid.endsWith(`100.8.${suffix}`) ? (value === undefined ? [] : [{ ...one, value }]) : [one])),
    },
  })
  const overAcme = attestation('over ACME', answer, {}, 'acme_reattestation')

  test('one that Apple repeats takes no place of what was attested meanwhile, be that better or worse', () => {
    const later = (ms: number): Date => new Date(now.getTime() + ms)
    const sipOff = { ...attestation('SIP off', answer, { sip: 1 }, 'acme_reattestation'), receivedAt: later(1) }
    const newer = { ...overAcme, receivedAt: later(1) }
    const repeated = { ...aboutBound, id: 'repeated', receivedAt: later(2) }
    expect(chooseAttestation([repeated, sipOff, aboutBound], nonces, boundKey)?.id).toBe('SIP off')
    expect(chooseAttestation([repeated, newer, aboutBound], nonces, boundKey)?.id).toBe('over ACME')
    expect(chooseAttestation([repeated, aboutBound], nonces, boundKey)?.id).toBe('repeated')
  })

  test('the newest about the bound key counts, whichever its path', () => {
    expect(chooseAttestation([overAcme, aboutBound], nonces, boundKey)?.id).toBe('over ACME')
    expect(chooseAttestation([aboutBound, overAcme], nonces, boundKey)?.id).toBe('about the bound key')
  })

  test('neither is read by the other’s rule', () => {
    const rawOverAcme = attestation('raw over ACME', bytes(11), {}, 'acme_reattestation')
    const hashedOverMdm = attestation('hashed over MDM', answer)
    expect(chooseAttestation([rawOverAcme, aboutBound], nonces, boundKey)?.id).toBe('about the bound key')
    expect(chooseAttestation([hashedOverMdm, aboutBound], nonces, boundKey)?.id).toBe('about the bound key')
  })

  test.each([
    ['leaves SIP out', without('13.1')],
    ['leaves Secure Boot blank', without('13.2', new Uint8Array())],
    ['leaves kernel extensions out', without('13.3')],
  ])('one over ACME that %s is no news of the posture, yet better than nothing', (_, posture) => {
    const silent = attestation('silent', answer, posture, 'acme_reattestation')
    expect(chooseAttestation([silent, aboutBound], nonces, boundKey)?.id).toBe('about the bound key')
    expect(chooseAttestation([silent, aboutOther], nonces, boundKey)?.id).toBe('silent')
    expect(chooseAttestation([attestation('silent', bytes(11), posture), aboutBound], nonces, boundKey)?.id).toBe('silent')
  })

  test.each([
    ['says that SIP is off and leaves the rest out', { sip: 1, ...without('13.2') }],
    ['states SIP in an odd way', without('13.1', Uint8Array.of(1, 1, 0))],
  ])('one over ACME that %s is never passed over', (_, posture) => {
    const worse = attestation('worse', answer, posture, 'acme_reattestation')
    expect(chooseAttestation([worse, aboutBound], nonces, boundKey)?.id).toBe('worse')
  })
})
