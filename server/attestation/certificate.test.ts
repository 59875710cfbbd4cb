import 'reflect-metadata'
import { generateKeyPairSync, webcrypto, X509Certificate } from 'node:crypto'
import { p384 as curve } from '@noble/curves/nist.js'
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509Certificate as PeculiarCertificate,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createLaboratory } from '../../test/conformance/mda/laboratory.ts'
import { issueAttestation, spkiOf } from '../../test/software-mac/apple/authority.ts'
import { basicConstraints } from '../../test/software-mac/apple/certificate-builder.ts'
import { bitString, objectIdentifier, octetString, sequence, set, tlv } from '../../test/software-mac/apple/der-writer.ts'
import { agentKey, authority, deviceChain, facts, p256 } from '../../test/support/trust-evidence.ts'
import { isSignedBy, parseCertificate, parseEcPublicKey } from './certificate.ts'
import { duplicatedExtensions, parseBasicConstraints, parseKeyUsage } from './certificate-extensions.ts'
import { APPLE_ANCHORS } from './roots.ts'

const parse = (der: Uint8Array) => {
  const parsed = parseCertificate(der)
  if (!parsed.ok) throw new Error(parsed.detail)
  return parsed.certificate
}
const [leafDer = new Uint8Array(), subCaDer = new Uint8Array()] = deviceChain()

describe('against other readers of X.509', () => {
  test.each([
    ['leaf', leafDer],
    ['intermediate', subCaDer],
    ['evaluation root', authority.rootDer],
    ['Apple’s root', APPLE_ANCHORS.roots[0].raw],
  ])('reads the %s as Node and @peculiar/x509 do', (_, der) => {
    const ours = parse(der)
    const node = new X509Certificate(der)
    const peculiar = new PeculiarCertificate(Buffer.from(der))
    expect(ours.serialNumber).toBe(BigInt(`0x${node.serialNumber}`))
    expect(ours.notBefore).toEqual(peculiar.notBefore)
    expect(ours.notAfter).toEqual(new Date(node.validTo))
    expect(node.subject).toContain(`CN=${ours.subject.commonName}`)
    expect(node.issuer).toContain(`CN=${ours.issuer.commonName}`)
    expect(Buffer.from(ours.spki)).toEqual(node.publicKey.export({ type: 'spki', format: 'der' }))
    expect(ours.extensions.map(({ oid, critical }) => [oid, critical])).toEqual(
      peculiar.extensions.map(({ type, critical }) => [type, critical]),
    )
    expect(ours.extensions.map(({ value }) => Buffer.from(value))).toEqual(peculiar.extensions.map(({ value }) => Buffer.from(value)))
    const constraints = parseBasicConstraints(ours)
    expect(constraints.ok && constraints.value?.isCa).toBe(node.ca)
  })

  test('agrees with Node and with noble on signatures', () => {
    const [leaf, subCa] = [parse(leafDer), parse(subCaDer)]
    expect(isSignedBy(leaf, subCa)).toBe(true)
    expect(isSignedBy(subCa, leaf)).toBe(false)
    expect(new X509Certificate(leafDer).verify(new X509Certificate(subCaDer).publicKey)).toBe(true)
    const point = subCa.publicKey?.point ?? new Uint8Array()
    expect(curve.verify(leaf.signature, leaf.tbs, point, { lowS: false, format: 'der' })).toBe(true)
    const [root] = APPLE_ANCHORS.roots
    expect(isSignedBy(root, root)).toBe(true)
  })

  test('reads a certificate that @peculiar/x509 made', async () => {
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
    const extensions = [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new SubjectAlternativeNameExtension([{ type: 'dns', value: 'mac.example' }]),
    ]
    const common = { serialNumber: '01', name: 'CN=identity', keys, signingAlgorithm: algorithm }
    const made = await X509CertificateGenerator.createSelfSigned({ ...common, extensions })
    const certificate = parse(new Uint8Array(made.rawData))
    expect(certificate.publicKey?.curve).toBe('P-256')
    expect(isSignedBy(certificate, certificate)).toBe(true)
  })
})

test('keeps a copy, so that changing the input changes nothing', () => {
  const input = Uint8Array.from(leafDer)
  const certificate = parse(input)
  input.fill(0)
  expect(Buffer.from(certificate.raw)).toEqual(Buffer.from(leafDer))
})

test('reads keys on P-256 and P-384 only, uncompressed and on the curve', () => {
  expect(parseEcPublicKey(agentKey)?.curve).toBe('P-256')
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  const p521 = generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey
  expect(parseEcPublicKey(spkiOf(rsa))).toBeUndefined()
  expect(parseEcPublicKey(spkiOf(p521))).toBeUndefined()
  const offCurve = Uint8Array.from(agentKey)
  offCurve[agentKey.length - 1] = (offCurve[agentKey.length - 1] ?? 0) ^ 1
  expect(parseEcPublicKey(offCurve)).toBeUndefined()
})

test('accepts a P-256 leaf, as Platform SSO makes them', () => {
  const [der = new Uint8Array()] = issueAttestation(authority, facts({ leafPublicKeySpki: spkiOf(p256()) }))
  expect(parse(der).publicKey?.curve).toBe('P-256')
})

describe('malformed certificates', () => {
  const issue = (leaf: object, extensions?: NonNullable<NonNullable<ReturnType<typeof facts>['overrides']>['extensions']>) =>
    issueAttestation(authority, facts({ overrides: { leaf, ...(extensions === undefined ? {} : { extensions }) } }))[0]

  test.each([
    ['a byte too many', Uint8Array.from([...leafDer, 0])],
    ['a byte too few', leafDer.subarray(0, -1)],
    ['nothing', new Uint8Array()],
    ['a serial number of zero', issue({ serialNumber: 0n })],
    ['a serial number too long', issue({ serialNumber: 1n << 170n })],
    ['no extensions inside their wrapper', issue({ mutateTbs: (tbs: Uint8Array) => spliced(tbs, Uint8Array.of(0xa3, 2, 0x30, 0)) })],
    ['more than 8 KiB', issue({}, (all) => [...all, { oid: '1.2.3', value: new Uint8Array(9000) }])],
    [
      'a hundred extensions',
      issue({}, (all) => [...all, ...Array.from({ length: 100 }, (_, i) => ({ oid: `1.2.3.${i}`, value: new Uint8Array() }))]),
    ],
  ])('refuses %s', (_, der) => {
    expect(parseCertificate(der).ok).toBe(false)
  })

  const laboratory = createLaboratory('certificate.test')
  const keyOf = (...parts: Uint8Array[]) => laboratory.leaf({ spki: sequence(...parts) })
  const p384Key = sequence(objectIdentifier('1.2.840.10045.2.1'), objectIdentifier('1.3.132.0.34'))
  const named = (value: Uint8Array) => laboratory.leaf({ subject: sequence(set(sequence(objectIdentifier('2.5.4.3'), value))) })
  test.each([
    ['a key whose parts are the wrong way round', keyOf(bitString(new Uint8Array(97)), p384Key)],
    ['a key without an algorithm', keyOf(sequence(), bitString(new Uint8Array(97)))],
    [
      'a key with half an object identifier as its parameter',
      keyOf(sequence(objectIdentifier('1.2.840.10045.2.1'), tlv(0x06, Uint8Array.of(0x2b, 0x81))), bitString(new Uint8Array(97))),
    ],
    [
      'a NULL that is not empty as a parameter',
      keyOf(sequence(objectIdentifier('1.2.840.10045.2.1'), tlv(0x05, Uint8Array.of(0))), bitString(new Uint8Array(97))),
    ],
    ['a name that is an OCTET STRING', named(octetString(Uint8Array.of(0x41)))],
    ['a name in UniversalString beyond Unicode', named(tlv(0x1c, Uint8Array.of(0x7f, 0, 0, 0)))],
    ['a name in BMPString with half a character', named(tlv(0x1e, Uint8Array.of(0, 0x41, 0)))],
    ['a name in BMPString with half a surrogate pair', named(tlv(0x1e, Uint8Array.of(0xd8, 0)))],
  ])('refuses %s, as OpenSSL does', (_, der) => {
    expect(() => new X509Certificate(der)).toThrow()
    expect(parseCertificate(der).ok).toBe(false)
  })

  /** The signed part without its extensions, and `tail` in their place. */
  function spliced(tbs: Uint8Array, tail: Uint8Array): Uint8Array {
    const start = Buffer.from(tbs).indexOf(Buffer.from([0xa3, 0x82]))
    const body = Buffer.concat([tbs.subarray(4, start), tail])
    return Buffer.concat([Buffer.from([0x30, 0x82, body.length >> 8, body.length & 0xff]), body])
  }

  test('never throws, whatever the bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => typeof parseCertificate(bytes).ok === 'boolean'))
  })

  test('never throws for a real certificate with bytes changed, cut or inserted', () => {
    const change = fc.record({ at: fc.nat(leafDer.length - 1), with: fc.uint8Array({ maxLength: 4 }), drop: fc.nat(4) })
    fc.assert(
      fc.property(change, (edit) => {
        const changed = Buffer.concat([leafDer.subarray(0, edit.at), edit.with, leafDer.subarray(edit.at + edit.drop)])
        const parsed = parseCertificate(changed)
        if (parsed.ok) [parseBasicConstraints, parseKeyUsage, duplicatedExtensions].map((read) => read(parsed.certificate))
        return true
      }),
      { numRuns: 1000 },
    )
  })
})

test('a path length without CA:TRUE is malformed', () => {
  const [der = new Uint8Array()] = issueAttestation(
    authority,
    facts({
      overrides: { extensions: (all) => [{ ...basicConstraints(false), value: Uint8Array.of(0x30, 3, 2, 1, 0) }, ...all.slice(1)] },
    }),
  )
  expect(parseBasicConstraints(parse(der)).ok).toBe(false)
})
