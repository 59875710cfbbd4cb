import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { base64url, fromBase64url, hex, utf8 } from '#protocol/bytes'
import { type Canonical, canonicalJson } from '#protocol/canonical'
import { issueAttestation, spkiOf } from '../../test/software-mac/apple/authority.ts'
import {
  basicConstraints,
  buildCertificate,
  type CertificateSpec,
  distinguishedName,
  keyUsage,
} from '../../test/software-mac/apple/certificate-builder.ts'
import { ago, authority, DAY_MS, facts, NOW, p384 } from '../../test/support/trust-evidence.ts'
import { verifyChain } from './chain.ts'
import { RELEASE_KEYS, rootUpdateStatement, type SignedRootUpdate, verifyRootUpdate } from './root-update.ts'
import { APPLE_ANCHORS } from './roots.ts'

/** Signed once, by a key whose private half was not kept: number 1, Apple's present root, 2026-11-21. */
const KNOWN_KEYS = ['302a300506032b6570032100f9793b3c3a8e222aa883ec4bc7d58341543228e797e4e3f2bb11d8f8a88cf69d']
const KNOWN: SignedRootUpdate = {
  document:
    'eyJpbnRlcm1lZGlhdGVOYW1lcyI6WyJBcHBsZSBFbnRlcnByaXNlIEF0dGVzdGF0aW9uIFN1YiBDQSJdLCJpc3N1ZWRBdCI6MTc5NTIxOTIwMD' +
    'AwMCwibnVtYmVyIjoxLCJyb290cyI6WyJNSUlDSkRDQ0FhbWdBd0lCQWdJVVFzREN1eXh5ZkZ4ZXFfYnhwbThmckYxNWh6Y3dDZ1lJS29aSXpq' +
    'MEVBd013VVRFdE1Dc0dBMVVFQXd3a1FYQndiR1VnUlc1MFpYSndjbWx6WlNCQmRIUmxjM1JoZEdsdmJpQlNiMjkwSUVOQk1STXdFUVlEVlFRS0' +
    'RBcEJjSEJzWlNCSmJtTXVNUXN3Q1FZRFZRUUdFd0pWVXpBZUZ3MHlNakF5TVRZeE9UQXhNalJhRncwME56QXlNakF3TURBd01EQmFNRkV4TFRB' +
    'ckJnTlZCQU1NSkVGd2NHeGxJRVZ1ZEdWeWNISnBjMlVnUVhSMFpYTjBZWFJwYjI0Z1VtOXZkQ0JEUVRFVE1CRUdBMVVFQ2d3S1FYQndiR1VnU1' +
    'c1akxqRUxNQWtHQTFVRUJoTUNWVk13ZGpBUUJnY3Foa2pPUFFJQkJnVXJnUVFBSWdOaUFBVDZKaWdxLVBzOVE0Q29UOHQ4cS1Vbk9lMnBvVDlu' +
    'UmFVZkdoQlRiZ3ZxU0dYUGpWa2JZbElXWU8tMXpQazJTejloUTVvenptTHJQbVRCZ0VXUmNIakEyX3k3N0dFaWNwczl3bjJ0ai1HODlsM0lOTk' +
    'RLRVRkeFNQUElacFBqOFZtalFqQkFNQThHQTFVZEV3RUJfd1FGTUFNQkFmOHdIUVlEVlIwT0JCWUVGUE5xVFFHZDhtdUJwVjVkdS1VSWJWYmkt' +
    'ZDY2TUE0R0ExVWREd0VCX3dRRUF3SUJCakFLQmdncWhrak9QUVFEQXdOcEFEQm1BakVBMXhwV21UTFNwcjFWSDRmOFlwazhmM2pNVUtZejRRUE' +
    'c4bUw1OG05c1hfYjItZVhwVHYycEg0UlpnSmp1Y25iY0FqRUE0WlNCNlM0NUZsUHVTX3U0cFRuem96NjMyckEteFdfVFp3RkVoOWJoS2pKLTVW' +
    'UTlfRG8xb3MwdTNMRWtnTl9yIl0sInYiOjF9',
  signature: 'yu4WmjD_4jkslwLDNEaMo5wTPLHSXkI3L_Eo1aoFgFDkSfF6PEgVm4nl1gCoPD3Fq1uVhl2byL3q2asTmoOxBg',
}

const release = generateKeyPairSync('ed25519').privateKey
const releaseKeys = [hex(spkiOf(release))]
const nextRootKey = p384()

function rootWith(change: Partial<CertificateSpec> = {}, name = 'Apple Enterprise Attestation Root CA 2'): Uint8Array {
  return buildCertificate({
    serialNumber: 3n,
    issuer: distinguishedName(['CN', name]),
    subject: distinguishedName(['CN', name]),
    notBefore: ago(DAY_MS),
    notAfter: new Date(NOW.getTime() + 1000 * DAY_MS),
    spki: spkiOf(nextRootKey),
    extensions: [basicConstraints(true), keyUsage(0x06)],
    signer: nextRootKey,
    hash: 'sha384',
    ...change,
  })
}

const document = (change: object = {}) => ({
  v: 1,
  number: 2,
  issuedAt: ago(DAY_MS).getTime(),
  roots: [base64url(APPLE_ANCHORS.roots[0].raw), base64url(rootWith())],
  intermediateNames: ['Apple Enterprise Attestation Sub CA', 'Apple Enterprise Attestation Issuing CA'],
  ...change,
})

function signBytes(bytes: Uint8Array, key: KeyObject = release): SignedRootUpdate {
  return { document: base64url(bytes), signature: base64url(new Uint8Array(sign(null, rootUpdateStatement(bytes), key))) }
}
const signed = (change: object = {}) => signBytes(utf8(canonicalJson(document(change) as Canonical)))
const judge = (update: SignedRootUpdate, newerThan = 1) => verifyRootUpdate(update, { newerThan, at: NOW, releaseKeys })
const reason = (update: SignedRootUpdate, newerThan?: number) => {
  const verdict = judge(update, newerThan)
  return verdict.ok ? 'ok' : verdict.reason
}

test('the release key that is pinned signed the known document', () => {
  const verdict = verifyRootUpdate(KNOWN, { newerThan: 0, at: NOW, releaseKeys: KNOWN_KEYS })
  expect(verdict).toMatchObject({ ok: true, number: 1, issuedAt: new Date('2026-11-21T00:00:00Z') })
  expect(verdict.ok && verdict.anchors.roots.map(({ raw }) => hex(raw))).toEqual(APPLE_ANCHORS.roots.map(({ raw }) => hex(raw)))
})

test('any flipped bit of the known document refuses it', () => {
  const bytes = fromBase64url(KNOWN.document) ?? new Uint8Array()
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(7), (at, bit) => {
      const changed = Uint8Array.from(bytes)
      changed[at] = (changed[at] as number) ^ (1 << bit)
      const verdict = verifyRootUpdate({ ...KNOWN, document: base64url(changed) }, { newerThan: 0, at: NOW, releaseKeys: KNOWN_KEYS })
      return !verdict.ok && verdict.reason === 'bad_signature'
    }),
    { numRuns: 300 },
  )
})

test('while no release key is pinned, no update is accepted, however well it is signed', () => {
  expect(RELEASE_KEYS).toEqual([])
  expect(verifyRootUpdate(KNOWN, { newerThan: 0, at: NOW })).toEqual({ ok: false, reason: 'bad_signature' })
})

describe('an update', () => {
  test('brings a second root in beside the first, and both count', () => {
    const verdict = judge(signed())
    if (!verdict.ok) throw new Error(verdict.reason)
    expect(verdict.anchors.roots).toHaveLength(2)
    expect(verifyChain(chainUnder('Apple Enterprise Attestation Sub CA 2'), verdict.anchors, NOW).ok).toBe(true)
    expect(verifyChain(chainUnder('Apple Enterprise Attestation Sub CA 2'), APPLE_ANCHORS, NOW)).toMatchObject({
      findings: [{ code: 'CHAIN_UNTRUSTED' }],
    })
  })

  test('names the authorities below the roots; any other name is refused though the root signed it', () => {
    const verdict = judge(signed())
    if (!verdict.ok) throw new Error(verdict.reason)
    expect(verifyChain(chainUnder('Apple Enterprise Attestation Issuing CA 7'), verdict.anchors, NOW).ok).toBe(true)
    expect(verifyChain(chainUnder('Apple Server Authentication CA'), verdict.anchors, NOW)).toMatchObject({
      findings: [{ code: 'ISSUER_NAME_UNEXPECTED' }],
    })
  })

  test.each<[string, string, SignedRootUpdate, number?]>([
    [
      'signed by another key',
      'bad_signature',
      signBytes(utf8(canonicalJson(document() as Canonical)), generateKeyPairSync('ed25519').privateKey),
    ],
    ['signed for no purpose', 'bad_signature', unpurposed()],
    ['with a signature cut short', 'malformed', { ...signed(), signature: signed().signature.slice(0, -4) }],
    ['that is not base64url', 'malformed', { ...signed(), document: 'a+b=' }],
    ['with an unknown member', 'malformed', signed({ extra: 1 })],
    ['of another version', 'malformed', signed({ v: 2 })],
    ['without roots', 'malformed', signed({ roots: [] })],
    ['without names', 'malformed', signed({ intermediateNames: [] })],
    ['with a name that fits anything', 'malformed', signed({ intermediateNames: ['A'] })],
    ['that is not in its canonical form', 'not_canonical', signBytes(utf8(JSON.stringify(document(), null, 1)))],
    ['with a byte order mark', 'malformed', signBytes(utf8(`\uFEFF${canonicalJson(document() as Canonical)}`))],
    ['as old as the one in force', 'not_newer', signed(), 2],
    ['older than the one in force', 'not_newer', signed(), 3],
    ['from the future', 'not_yet_issued', signed({ issuedAt: NOW.getTime() + 1 })],
    ['with a root that is no certificate', 'bad_root', signed({ roots: ['AAAA'] })],
    ['with a root of another name', 'bad_root', signed({ roots: [base64url(rootWith({}, 'Some Root CA'))] })],
    [
      'with a root that is no authority',
      'bad_root',
      signed({ roots: [base64url(rootWith({ extensions: [basicConstraints(false), keyUsage(0x06)] }))] }),
    ],
    [
      'with a root that may not sign',
      'bad_root',
      signed({ roots: [base64url(rootWith({ extensions: [basicConstraints(true), keyUsage(0x80)] }))] }),
    ],
    ['with a root signed by another', 'bad_root', signed({ roots: [base64url(rootWith({ signer: p384() }))] })],
    ['with a good root and a bad one', 'bad_root', signed({ roots: [base64url(rootWith()), 'AAAA'] })],
  ])('%s is refused: %s', (_, expected, update, newerThan) => {
    expect(reason(update, newerThan)).toBe(expected)
  })

  test('is refused where no release key is known', () => {
    expect(verifyRootUpdate(signed(), { newerThan: 0, at: NOW, releaseKeys: [] })).toMatchObject({ reason: 'bad_signature' })
    expect(verifyRootUpdate(signed(), { newerThan: 0, at: NOW, releaseKeys: ['zz', 'ab'] })).toMatchObject({ reason: 'bad_signature' })
  })
})

function unpurposed(): SignedRootUpdate {
  const bytes = utf8(canonicalJson(document() as Canonical))
  return { document: base64url(bytes), signature: base64url(new Uint8Array(sign(null, bytes, release))) }
}

/** leaf ← an intermediate of this name ← the next root. */
function chainUnder(name: string): Uint8Array[] {
  const key = p384()
  const subject = distinguishedName(['CN', name])
  const subCa = rootWith({
    issuer: distinguishedName(['CN', 'Apple Enterprise Attestation Root CA 2']),
    subject,
    spki: spkiOf(key),
    extensions: [basicConstraints(true, 0), keyUsage(0x06)],
  })
  const [leaf] = issueAttestation(authority, facts({ overrides: { leaf: { signer: key, issuer: subject } } }))
  return [leaf, subCa]
}

test('the evaluation root cannot be made Apple’s', () => {
  expect(reason(signed({ roots: [base64url(authority.rootDer)] }))).toBe('bad_root')
})
