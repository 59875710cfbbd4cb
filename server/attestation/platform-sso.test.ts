import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MacId, newId, SessionId } from '#protocol/ids'
import { keyAttestationClientData } from '#protocol/statements'
import { type AttestationRequest, createEvaluationAuthority, issueAttestation, spkiOf } from '../../test/software-mac/apple/authority.ts'
import {
  agentKey,
  ago,
  authority,
  DAY_MS,
  facts,
  HOUR_MS,
  MAC,
  NOW,
  otherAgentKey,
  p384,
  parts,
  policy,
  SERIAL,
  sha256,
  trustedEvidence,
  UDID,
} from '../../test/support/trust-evidence.ts'
import { decideTrust } from './decide-trust.ts'
import type { BindingEvidence } from './evidence.ts'
import { judgeKeyAttestation, readKeyAttestationClientData } from './platform-sso.ts'
import type { KeyBindingLevel, Policy } from './policy.ts'
import { APPLE_ANCHORS, createEvaluationAnchors } from './roots.ts'

const session = SessionId.parse(newId('ses'))
const nonce = new Uint8Array(32).fill(5)
const question = { mac: MAC, session, nonce, agentKey }
const clientData = keyAttestationClientData(question)
const anchors = createEvaluationAnchors(authority.rootDer)
const receivedAt = ago(2 * HOUR_MS)

const chainOf = (change: Partial<AttestationRequest> = {}, by = authority) =>
  issueAttestation(by, facts({ leafPublicKeySpki: agentKey, freshness: sha256(clientData), now: ago(3 * HOUR_MS), ...change }))
const standard = { chain: chainOf() as readonly Uint8Array[], clientData, receivedAt }
const expected = { anchors, mac: MAC, agentKey, serial: SERIAL, udid: UDID as string | undefined }
const codes = (attestation: Partial<typeof standard> = {}, change: Partial<typeof expected> = {}) =>
  judgeKeyAttestation({ ...standard, ...attestation }, { ...expected, ...change }).map(({ code }) => code)
const without = (suffix: string) => ({
  overrides: { extensions: (all: { oid: string; value: Uint8Array }[]) => all.filter(({ oid }) => !oid.endsWith(`100.8.${suffix}`)) },
})

test('a key that Apple attests for this Mac, at our question, is found without fault', () => {
  expect(codes()).toEqual([])
})

describe('each rule, where only it is broken', () => {
  const other = keyAttestationClientData({ ...question, nonce: new Uint8Array(32).fill(6) })
  const otherMac = keyAttestationClientData({ ...question, mac: MacId.parse('mac_zzzzzzzzzzzzzzzzzzzz') })
  const otherKey = keyAttestationClientData({ ...question, agentKey: otherAgentKey })
  const shortNonce = keyAttestationClientData({ ...question, nonce: new Uint8Array(8) })
  const p384Key = spkiOf(p384())
  const ofP384 = keyAttestationClientData({ ...question, agentKey: p384Key })
  const cases: [string, string, Partial<typeof standard>, Partial<typeof expected>?][] = [
    ['another key than the agent’s', 'PSSO_KEY_MISMATCH', { chain: chainOf({ leafPublicKeySpki: otherAgentKey }) }],
    [
      'a key on P-384',
      'ALG_NOT_ALLOWED',
      { chain: chainOf({ leafPublicKeySpki: p384Key, freshness: sha256(ofP384) }), clientData: ofP384 },
      { agentKey: p384Key },
    ],
    ['another serial number', 'SERIAL_MISMATCH', { chain: chainOf({ serial: 'OTHER00001' }) }],
    ['no serial number: identifiers were not allowed into the attestation', 'SERIAL_MISSING', { chain: chainOf(without('9.1')) }],
    ['another UDID', 'UDID_MISMATCH', { chain: chainOf({ udid: '00006030-FFFFFFFFFFFFFFFF' }) }],
    ['no UDID', 'UDID_MISSING', { chain: chainOf(without('9.2')) }],
    ['an enrollment whose UDID is not known', 'UDID_MISMATCH', {}, { udid: undefined }],
    ['no freshness code', 'FRESHNESS_MISSING', { chain: chainOf(without('11.1')) }],
    ['the freshness code of another question', 'FRESHNESS_MISMATCH', { chain: chainOf({ freshness: sha256(other) }) }],
    ['the client data itself in place of its SHA-256', 'FRESHNESS_MISMATCH', { chain: chainOf({ freshness: clientData.subarray(0, 64) }) }],
    ['the nonce itself', 'FRESHNESS_MISMATCH', { chain: chainOf({ freshness: nonce }) }],
    ['client data about another Mac', 'FRESHNESS_UNKNOWN', { chain: chainOf({ freshness: sha256(otherMac) }), clientData: otherMac }],
    ['client data about another key', 'FRESHNESS_UNKNOWN', { chain: chainOf({ freshness: sha256(otherKey) }), clientData: otherKey }],
    ['client data with a short nonce', 'FRESHNESS_UNKNOWN', { chain: chainOf({ freshness: sha256(shortNonce) }), clientData: shortNonce }],
    ['client data of no form', 'FRESHNESS_UNKNOWN', { chain: chainOf({ freshness: sha256(nonce) }), clientData: nonce }],
    ['an attestation made long before it was received', 'ATTESTATION_STALE', { chain: chainOf({ now: ago(9 * DAY_MS) }) }],
    ['one from after its receipt', 'CHAIN_NOT_YET_VALID', { chain: chainOf({ now: ago(HOUR_MS) }) }],
    ['a chain of somebody else', 'CHAIN_UNTRUSTED', { chain: chainOf({}, createEvaluationAuthority({ now: ago(DAY_MS) })) }],
    ['the evaluation’s chain under Apple’s pin', 'CHAIN_UNTRUSTED', {}, { anchors: APPLE_ANCHORS }],
    ['a leaf without its intermediate', 'CHAIN_INCOMPLETE', { chain: standard.chain.slice(0, 1) }],
    ['no certificates', 'CHAIN_INCOMPLETE', { chain: [] }],
  ]

  test.each(cases)('refuses %s', (_, code, attestation, change) => {
    expect(codes(attestation, change)).toEqual([code])
  })
})

test('client data is read back byte for byte, or not at all', () => {
  expect(readKeyAttestationClientData(clientData)).toEqual(question)
  fc.assert(
    fc.property(fc.nat(clientData.length - 1), fc.nat(7), (at, bit) => {
      const changed = Uint8Array.from(clientData)
      changed[at] = (changed[at] as number) ^ (1 << bit)
      const read = readKeyAttestationClientData(changed)
      return read === undefined || Buffer.compare(keyAttestationClientData(read), changed) === 0
    }),
  )
  expect(readKeyAttestationClientData(Uint8Array.from([...clientData, 0]))).toBeUndefined()
  expect(readKeyAttestationClientData(new Uint8Array(2000))).toBeUndefined()
})

describe('in the decision', () => {
  const common = { agentKey, enrollmentId: parts.enrollment.id, provedAt: receivedAt }
  const apple: BindingEvidence = { ...common, level: 'apple', ...standard }
  const reported: BindingEvidence = { ...common, level: 'mdm-signed', replyDigest: sha256(nonce), signatureDigest: sha256(clientData) }
  const decide = (binding: BindingEvidence, change: Partial<Policy> = {}) =>
    decideTrust(trustedEvidence({ binding }), { ...policy, ...change }, NOW)
  const reasons = (...args: Parameters<typeof decide>) => {
    const decision = decide(...args)
    return decision.trust === 'refused' ? decision.reasons : []
  }

  test.each<[KeyBindingLevel, BindingEvidence]>([
    ['ticket', parts.binding],
    ['mdm-signed', reported],
    ['apple', apple],
  ])('a binding of level %s is enough for itself and all below, and for none above', (level, binding) => {
    const levels: KeyBindingLevel[] = ['ticket', 'mdm-signed', 'apple']
    for (const minimumKeyBinding of levels) {
      const isEnough = levels.indexOf(level) >= levels.indexOf(minimumKeyBinding)
      expect(reasons(binding, { minimumKeyBinding })).toEqual(isEnough ? [] : ['KEY_BINDING_TOO_WEAK'])
    }
    expect(decide(binding)).toMatchObject({ trust: 'trusted', keyBinding: level })
  })

  test('the key attestation is judged as of its receipt: a leaf that has expired since does not spoil the key', () => {
    const chain = chainOf({ now: ago(28 * DAY_MS), overrides: { leaf: { notAfter: ago(20 * DAY_MS) } } })
    expect(reasons({ ...apple, chain, receivedAt: ago(27 * DAY_MS) })).toEqual([])
    expect(reasons({ ...apple, chain })).toEqual(['CHAIN_EXPIRED', 'ATTESTATION_STALE'])
  })

  test('each fault of the key attestation is a reason of the decision', () => {
    expect(reasons({ ...apple, chain: chainOf({ leafPublicKeySpki: otherAgentKey }) })).toEqual(['PSSO_KEY_MISMATCH'])
    expect(reasons({ ...apple, chain: chainOf({ serial: 'OTHER00001' }) })).toEqual(['SERIAL_MISMATCH'])
    expect(reasons({ ...apple, receivedAt: new Date(NOW.getTime() + HOUR_MS) })).toEqual(['CLOCK_SKEW'])
    expect(reasons({ ...apple, provedAt: new Date(NOW.getTime() + HOUR_MS) })).toEqual(['CLOCK_SKEW'])
  })

  test('a signed report that is not named binds nothing', () => {
    expect(reasons({ ...reported, replyDigest: new Uint8Array() })).toEqual(['AGENT_KEY_UNBOUND'])
    expect(reasons({ ...reported, signatureDigest: new Uint8Array(31) })).toEqual(['AGENT_KEY_UNBOUND'])
  })

  test('the digest of the evidence names what each level brings', () => {
    const digests = [parts.binding, reported, apple, { ...apple, clientData: nonce }, { ...reported, signatureDigest: sha256(nonce) }].map(
      (binding) => decide(binding).evidenceDigest,
    )
    expect(new Set(digests).size).toBe(digests.length)
  })

  test('a Mac in another server’s management is trusted at this level, where the policy allows it and asks for nothing unknown', () => {
    const enrollment = { ...parts.enrollment, kind: 'external' as const, accessRights: 0, lastSeenAt: undefined }
    const evidence = trustedEvidence({ binding: apple, enrollment, securityInfo: undefined })
    const lenient: Policy = {
      ...policy,
      allowExternalManagement: true,
      requireFileVault: false,
      requireAuthenticatedRoot: false,
      allowExternalBoot: true,
      allowRemoteDesktop: true,
      requireApprovedEnrollment: false,
    }
    expect(decideTrust(evidence, lenient, NOW)).toMatchObject({ trust: 'trusted', keyBinding: 'apple' })
    expect(decideTrust({ ...evidence, binding: parts.binding }, lenient, NOW)).toMatchObject({ reasons: ['KEY_BINDING_TOO_WEAK'] })
  })
})
