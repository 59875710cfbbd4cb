import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createEvaluationAuthority, issueAttestation } from '../../test/software-mac/apple/authority.ts'
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
  posture: { sip?: number; secureBoot?: string; kexts?: number } = {},
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
  return { id, enrollmentId: 'enr_1', evidenceDigest: bytes(0), chain, bootSession: null, receivedAt: now }
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
