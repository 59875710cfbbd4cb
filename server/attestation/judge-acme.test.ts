import { encode } from 'cborg'
import { describe, expect, test } from 'vitest'
import { acmeChain, agentKey, authority, NOW, SERIAL, sha256, TOKEN, UDID } from '../../test/support/trust-evidence.ts'
import { judgeAcmeAttestation } from './judge-acme.ts'
import { createEvaluationAnchors } from './roots.ts'

const anchors = createEvaluationAnchors(authority.rootDer)
const judge = (request: Parameters<typeof acmeChain>[0] = {}, change: Partial<Parameters<typeof judgeAcmeAttestation>[0]> = {}) =>
  judgeAcmeAttestation({
    attObj: encode({ fmt: 'apple', attStmt: { x5c: acmeChain(request) } }),
    token: TOKEN,
    serial: SERIAL,
    anchors,
    allowEvaluation: true,
    at: NOW,
    ...change,
  })
const codes = (...args: Parameters<typeof judge>) => {
  const verdict = judge(...args)
  return verdict.ok ? [] : verdict.findings.map(({ code }) => code)
}
const without = (suffix: string) => ({
  overrides: { extensions: (all: { oid: string; value: Uint8Array }[]) => all.filter(({ oid }) => !oid.endsWith(`100.8.${suffix}`)) },
})

test('hands over the attested key, serial number and UDID', () => {
  const verdict = judge({ leafPublicKeySpki: agentKey })
  expect(verdict).toMatchObject({ ok: true, serial: SERIAL, udid: UDID })
  expect(verdict.ok && Buffer.from(verdict.spki)).toEqual(Buffer.from(agentKey))
})

describe('each rule, where only it is broken', () => {
  test.each([
    ['another token', ['FRESHNESS_MISMATCH'], judgeWith({}, { token: 'other' })],
    ['the freshness of a nonce, which is not hashed', ['FRESHNESS_MISMATCH'], judgeWith({ freshness: Buffer.from(TOKEN) })],
    ['no freshness at all', ['FRESHNESS_MISSING'], judgeWith(without('11.1'))],
    ['another serial number', ['SERIAL_MISMATCH'], judgeWith({ serial: 'OTHER00001' })],
    ['no serial number', ['SERIAL_MISSING'], judgeWith(without('9.1'))],
    ['no UDID', ['UDID_MISSING'], judgeWith(without('9.2'))],
    ['SIP off', ['SIP_DISABLED'], judgeWith({ sip: 1 })],
    ['Reduced Security', ['BOOT_REDUCED'], judgeWith({ secureBoot: 'Reduced Security' })],
    ['third-party kernel extensions', ['KEXT_ALLOWED'], judgeWith({ kexts: 1 })],
    ['the evaluation root where it is not allowed', ['TEST_ROOT_IN_PRODUCTION'], judgeWith({}, { allowEvaluation: false })],
    ['a leaf not yet valid', ['CHAIN_NOT_YET_VALID'], judgeWith({}, { at: new Date(NOW.getTime() - 86_400_000) })],
    ['a malformed object', ['ATTESTATION_MALFORMED'], judgeWith({}, { attObj: new Uint8Array([1]) })],
    ['another format', ['ATTESTATION_FORMAT_UNSUPPORTED'], judgeWith({}, { attObj: encode({ fmt: 'tpm', attStmt: {} }) })],
  ])('refuses %s', (_, expected, found) => {
    expect(found).toEqual(expected)
  })

  function judgeWith(...args: Parameters<typeof judge>): string[] {
    return codes(...args)
  }
})

test('leaves to the decision about trust what Apple leaves out of the posture', () => {
  expect(judge(without('13.1')).ok).toBe(true)
})

test('names every reason', () => {
  expect(codes({ sip: 1, serial: 'OTHER00001', freshness: sha256(Buffer.from('x')) })).toEqual([
    'FRESHNESS_MISMATCH',
    'SERIAL_MISMATCH',
    'SIP_DISABLED',
  ])
})
