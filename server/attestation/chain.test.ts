import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type AttestationOverrides,
  createEvaluationAuthority,
  EVALUATION_ROOT_NAME,
  EVALUATION_SUB_CA_NAME,
  issueAttestation,
  spkiOf,
} from '../../test/software-mac/apple/authority.ts'
import {
  basicConstraints,
  buildCertificate,
  type CertificateSpec,
  distinguishedName,
  type Extension,
  ecdsaWith,
  keyUsage,
} from '../../test/software-mac/apple/certificate-builder.ts'
import { objectIdentifier, sequence, tlv } from '../../test/software-mac/apple/der-writer.ts'
import { ago, authority, DAY_MS, deviceChain, facts, HOUR_MS, NOW, p256, p384 } from '../../test/support/trust-evidence.ts'
import { verifyChain } from './chain.ts'
import { APPLE_ANCHORS, createCustomAnchors, createEvaluationAnchors } from './roots.ts'

const anchors = createEvaluationAnchors(authority.rootDer)
const codes = (chain: readonly Uint8Array[], at = NOW, under = anchors): string[] => {
  const verdict = verifyChain(chain, under, at)
  return verdict.ok ? [] : [...new Set(verdict.findings.map(({ code }) => code))]
}
const chainWith = (overrides: AttestationOverrides) => issueAttestation(authority, facts({ overrides }))
const replaced = (oid: string, by: Extension[]) => ({
  extensions: (all: Extension[]) => all.flatMap((one) => (one.oid === oid ? by : [one])),
})

const BC = '2.5.29.19'
const KU = '2.5.29.15'
const rootName = distinguishedName(['CN', EVALUATION_ROOT_NAME], ['O', 'Espalier'])
const subCaName = distinguishedName(['CN', EVALUATION_SUB_CA_NAME], ['O', 'Espalier'])

/** A chain under an intermediate of one's own making. */
function withSubCa(change: Partial<CertificateSpec> = {}, key: KeyObject = p384()): Uint8Array[] {
  const subCa = buildCertificate({
    serialNumber: 5n,
    issuer: rootName,
    subject: subCaName,
    notBefore: ago(10 * DAY_MS),
    notAfter: new Date(NOW.getTime() + 100 * DAY_MS),
    spki: spkiOf(key),
    extensions: [basicConstraints(true, 0), keyUsage(0x06)],
    signer: authority.rootKey,
    hash: 'sha384',
    ...change,
  })
  const [leaf = new Uint8Array()] = chainWith({ leaf: { signer: key, issuer: change.subject ?? subCaName } })
  return [leaf, subCa]
}

test('accepts Apple’s shape: leaf and intermediate, with or without the pinned root itself', () => {
  const chain = deviceChain()
  expect(codes(chain)).toEqual([])
  expect(codes([...chain, authority.rootDer])).toEqual([])
  expect(codes(withSubCa())).toEqual([])
})

test('accepts a P-256 leaf and signatures with SHA-256', () => {
  expect(codes(issueAttestation(authority, facts({ leafPublicKeySpki: spkiOf(p256()) })))).toEqual([])
  expect(codes(chainWith({ leaf: { hash: 'sha256' } }))).toEqual([])
})

describe('each rule, where only it is broken', () => {
  const chain = deviceChain()
  const [leaf = new Uint8Array(), subCa = new Uint8Array()] = chain
  const impostor = createEvaluationAuthority({ now: ago(DAY_MS) })
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  const critical = { oid: '1.2.3.4', critical: true, value: Uint8Array.of(5, 0) }

  const cases: [string, string, Uint8Array[]][] = [
    ['no certificates', 'CHAIN_INCOMPLETE', []],
    ['the leaf alone', 'CHAIN_INCOMPLETE', [leaf]],
    ['the root alone', 'CHAIN_INCOMPLETE', [authority.rootDer]],
    ['six certificates', 'CHAIN_TOO_LARGE', [leaf, subCa, subCa, subCa, subCa, authority.rootDer]],
    ['a certificate above 8 KiB', 'CHAIN_TOO_LARGE', [new Uint8Array(8193), subCa]],
    ['garbage in place of a certificate', 'CERT_MALFORMED', [leaf, new Uint8Array(100)]],
    ['a byte after a certificate', 'CERT_MALFORMED', [Uint8Array.from([...leaf, 0]), subCa]],
    ['a root that only shares the name', 'CHAIN_UNTRUSTED', issueAttestation(impostor, facts())],
    ['a leaf of an impostor under the true intermediate', 'CHAIN_UNTRUSTED', [issueAttestation(impostor, facts())[0], subCa]],
    [
      'an issuer of another name, though its key signed',
      'CHAIN_UNTRUSTED',
      chainWith({ leaf: { issuer: distinguishedName(['CN', 'Apple Enterprise Attestation Sub CA 2']) } }),
    ],
    ['a leaf signed by the root itself', 'CHAIN_INCOMPLETE', [chainWith({ leaf: { signer: authority.rootKey, issuer: rootName } })[0]]],
    ['a leaf marked as an authority', 'LEAF_IS_CA', chainWith(replaced(BC, [basicConstraints(true)]))],
    ['a leaf that does not say what it is', 'LEAF_IS_CA', chainWith(replaced(BC, []))],
    ['a leaf that may sign certificates', 'LEAF_IS_CA', chainWith(replaced(KU, [keyUsage(0xf4)]))],
    ['a leaf not named after its key', 'LEAF_NAME_MISMATCH', chainWith({ commonName: 'a'.repeat(64) })],
    [
      'a leaf named after its key in capitals',
      'LEAF_NAME_MISMATCH',
      chainWith({ leaf: { subject: distinguishedName(['CN', 'AB'.repeat(32)]) } }),
    ],
    ['an intermediate that is no authority', 'ISSUER_NOT_CA', withSubCa({ extensions: [basicConstraints(false), keyUsage(0x06)] })],
    ['an intermediate without basic constraints', 'ISSUER_NOT_CA', withSubCa({ extensions: [keyUsage(0x06)] })],
    [
      'an intermediate that may not sign certificates',
      'ISSUER_NOT_CA',
      withSubCa({ extensions: [basicConstraints(true, 0), keyUsage(0x80)] }),
    ],
    ['an intermediate without key usage', 'ISSUER_NOT_CA', withSubCa({ extensions: [basicConstraints(true, 0)] })],
    [
      'an intermediate of another name',
      'ISSUER_NAME_UNEXPECTED',
      withSubCa({ subject: distinguishedName(['CN', 'Apple Attestation Sub CA']) }),
    ],
    ['two intermediates under a path length of zero', 'PATH_TOO_LONG', doubleChain(0)],
    [
      'a duplicate extension',
      'EXT_DUPLICATE',
      chainWith({ extensions: (all) => [...all, { oid: '1.2.3', value: Uint8Array.of(1) }, { oid: '1.2.3', value: Uint8Array.of(2) }] }),
    ],
    ['a duplicate of basic constraints', 'EXT_DUPLICATE', chainWith(replaced(BC, [basicConstraints(false), basicConstraints(false)]))],
    ['an unknown critical extension in the leaf', 'EXT_UNKNOWN_CRITICAL', chainWith({ extensions: (all) => [...all, critical] })],
    [
      'an unknown critical extension in the intermediate',
      'EXT_UNKNOWN_CRITICAL',
      withSubCa({ extensions: [basicConstraints(true, 0), keyUsage(0x06), critical] }),
    ],
    [
      'malformed basic constraints',
      'EXT_MALFORMED',
      chainWith(replaced(BC, [{ ...basicConstraints(false), value: Uint8Array.of(0x30, 3, 1, 1, 0) }])),
    ],
    ['malformed key usage', 'EXT_MALFORMED', chainWith(replaced(KU, [{ ...keyUsage(0xf0), value: Uint8Array.of(3, 1, 0) }]))],
    [
      'key usage with trailing zero bits',
      'EXT_MALFORMED',
      chainWith(replaced(KU, [{ ...keyUsage(0xf0), value: Uint8Array.of(3, 2, 0, 0xf0) }])),
    ],
    ['an RSA key in the leaf', 'ALG_NOT_ALLOWED', chainWith({ leaf: { spki: spkiOf(rsa) } })],
    ['a signature with SHA-1', 'ALG_NOT_ALLOWED', chainWith({ leaf: { hash: 'sha1' } })],
    ['a signature with SHA-512', 'ALG_NOT_ALLOWED', chainWith({ leaf: { hash: 'sha512' } })],
    ['two algorithm fields that differ', 'ALG_NOT_ALLOWED', chainWith({ leaf: { innerAlgorithm: ecdsaWith('sha256') } })],
    ['an algorithm with parameters', 'ALG_NOT_ALLOWED', chainWith(withNullParameters())],
  ]

  test.each(cases)('refuses %s with %s alone', (_, code, certificates) => {
    expect(codes(certificates)).toEqual([code])
  })

  test('refuses a chain whose sent root only shares the name: sent along, it is but another intermediate', () => {
    expect(codes([...issueAttestation(impostor, facts()), impostor.rootDer])).toEqual(['CHAIN_UNTRUSTED', 'ISSUER_NAME_UNEXPECTED'])
  })

  test('refuses the wrong order', () => {
    expect(codes([subCa, leaf])).toContain('CHAIN_UNTRUSTED')
  })

  test('refuses an RSA intermediate', () => {
    expect(codes(withSubCa({ spki: spkiOf(rsa) }))).toEqual(['ALG_NOT_ALLOWED'])
  })

  test('refuses the evaluation chain under Apple’s pin, and says where it comes from', () => {
    const verdict = verifyChain(chain, APPLE_ANCHORS, NOW)
    expect(verdict).toMatchObject({ ok: false, findings: [{ code: 'CHAIN_UNTRUSTED', detail: 'it is under an evaluation root' }] })
  })
})

function withNullParameters(): AttestationOverrides {
  const algorithm = sequence(objectIdentifier('1.2.840.10045.4.3.3'), tlv(0x05))
  return { leaf: { innerAlgorithm: algorithm, outerAlgorithm: algorithm } }
}

/** leaf ← B ← A ← root, where A allows `pathLength` intermediates below itself. */
function doubleChain(pathLength: number): Uint8Array[] {
  const [keyA, keyB] = [p384(), p384()]
  const nameA = distinguishedName(['CN', 'Apple Enterprise Attestation Sub CA A'])
  const life = { notBefore: ago(10 * DAY_MS), notAfter: new Date(NOW.getTime() + 100 * DAY_MS), hash: 'sha384' as const }
  const a = buildCertificate({
    ...life,
    serialNumber: 1n,
    issuer: rootName,
    subject: nameA,
    spki: spkiOf(keyA),
    extensions: [basicConstraints(true, pathLength), keyUsage(0x06)],
    signer: authority.rootKey,
  })
  const b = buildCertificate({
    ...life,
    serialNumber: 2n,
    issuer: nameA,
    subject: subCaName,
    spki: spkiOf(keyB),
    extensions: [basicConstraints(true), keyUsage(0x06)],
    signer: keyA,
  })
  return [chainWith({ leaf: { signer: keyB } })[0], b, a]
}

test('accepts a second intermediate where the path length allows it', () => {
  expect(codes(doubleChain(1))).toEqual([])
})

test('a path length of the root itself counts too', () => {
  const rootKey = p384()
  const root = buildCertificate({
    serialNumber: 1n,
    issuer: rootName,
    subject: rootName,
    notBefore: ago(10 * DAY_MS),
    notAfter: new Date(NOW.getTime() + 100 * DAY_MS),
    spki: spkiOf(rootKey),
    extensions: [basicConstraints(true, 0), keyUsage(0x06)],
    signer: rootKey,
    hash: 'sha384',
  })
  expect(codes(withSubCa({ signer: rootKey }), NOW, createCustomAnchors(root))).toEqual(['PATH_TOO_LONG'])
})

describe('validity', () => {
  const chain = deviceChain()
  const seconds = (date: Date, n: number) => new Date(date.getTime() + n * 1000)
  const verdict = verifyChain(chain, anchors, NOW)
  const notBefore = verdict.leaf?.notBefore ?? NOW
  const notAfter = verdict.leaf?.notAfter ?? NOW

  test('includes both ends to the second', () => {
    expect(codes(chain, notBefore)).toEqual([])
    expect(codes(chain, notAfter)).toEqual([])
  })

  test('ends a second beyond either', () => {
    expect(codes(chain, seconds(notBefore, -1))).toEqual(['CHAIN_NOT_YET_VALID'])
    expect(codes(chain, seconds(notAfter, 1))).toEqual(['CHAIN_EXPIRED'])
  })

  test('counts for the intermediate and for the root as well', () => {
    expect(codes(withSubCa({ notAfter: ago(HOUR_MS) }))).toEqual(['CHAIN_EXPIRED'])
    expect(codes(withSubCa({ notBefore: new Date(NOW.getTime() + HOUR_MS) }))).toEqual(['CHAIN_NOT_YET_VALID'])
    const far = new Date(NOW.getTime() + 30 * 365 * DAY_MS)
    const endless = withSubCa({ notAfter: new Date(far.getTime() + DAY_MS) })
    const [leaf = new Uint8Array()] = endless
    expect(codes([leaf, endless[1] ?? leaf], far)).toEqual(['CHAIN_EXPIRED'])
  })

  test('is the least of all certificates', () => {
    expect(verdict.ok && verdict.notAfter).toEqual(notAfter)
  })
})

test('gathers every reason', () => {
  const found = codes(
    chainWith({ commonName: 'x', extensions: (all) => [...all, { oid: '1.2.3.4', critical: true, value: new Uint8Array() }] }),
    new Date(0),
  )
  expect(found).toEqual(expect.arrayContaining(['EXT_UNKNOWN_CRITICAL', 'LEAF_NAME_MISMATCH', 'CHAIN_NOT_YET_VALID']))
})

test('any flipped bit of any certificate refuses', () => {
  const chain = deviceChain()
  const position = fc.record({ certificate: fc.nat(1), byte: fc.nat(10_000), bit: fc.nat(7) })
  fc.assert(
    fc.property(position, ({ certificate, byte, bit }) => {
      const changed = chain.map((der) => Uint8Array.from(der))
      const target = changed[certificate] as Uint8Array
      const at = byte % target.length
      target[at] = (target[at] as number) ^ (1 << bit)
      return !verifyChain(changed, anchors, NOW).ok
    }),
    { numRuns: 400 },
  )
})

test('never throws, whatever the chain', () => {
  const [leaf = new Uint8Array(), subCa = new Uint8Array()] = deviceChain()
  const any = fc.oneof(fc.constantFrom(leaf, subCa, authority.rootDer), fc.uint8Array({ maxLength: 300 }))
  fc.assert(fc.property(fc.array(any, { maxLength: 7 }), (chain) => typeof verifyChain(chain, anchors, NOW).ok === 'boolean'))
})
