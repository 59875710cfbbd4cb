import { execFileSync } from 'node:child_process'
import { createPrivateKey, generateKeyPairSync, type KeyObject, webcrypto, X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { base64url, concat, utf8 } from '#protocol/bytes'
import { openRevocationList, signRevocationList } from '#protocol/revocations'
import { statement } from '#protocol/statements'
import { checkCsr } from '../../mdm/acme/check-csr.ts'
import type { RsaIssuer } from '../../mdm/ports.ts'
import { openEnvelope } from '../../mdm/scep/envelope.ts'
import { createMemoryPorts } from '../../mdm/testing/memory-ports.ts'
import { newRsaKeys, requestCertificate, selfSigned } from '../../mdm/testing/scep-client.ts'
import { testScepCa } from '../../mdm/testing/scep-issuer.ts'
import { createTestInstallation, type TestInstallation } from '../../mdm/testing/test-installation.ts'
import { readSignedProfile } from '../../mdm/testing/test-mac.ts'
import { verifyChain } from '../../server/attestation/chain.ts'
import { createCustomAnchors } from '../../server/attestation/roots.ts'
import { AT, createLaboratory } from '../conformance/mda/laboratory.ts'
import { scratchFolder } from '../support/scratch-folder.ts'

let folder: string
let here: TestInstallation
let scepCa: RsaIssuer
beforeAll(async () => {
  folder = scratchFolder()
  here = await createTestInstallation(createMemoryPorts())
  scepCa = await testScepCa(here.deps.clock.now())
  here.deps.scep = scepCa
})

const file = (name: string) => join(folder, name)
const put = (name: string, content: string | Uint8Array): string => {
  writeFileSync(file(name), content)
  return name
}
const openssl = (...args: string[]): Buffer => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
const isTaken = (...args: string[]): boolean => {
  try {
    openssl(...args)
    return true
  } catch {
    return false
  }
}
const putCertificate = (name: string, der: Uint8Array) => put(name, new X509Certificate(der).toString())
const seconds = (at: Date) => String(Math.floor(at.getTime() / 1000))
const now = () => ['-attime', seconds(here.deps.clock.now())]
const flipped = (bytes: Uint8Array, at = bytes.length - 1) => bytes.map((byte, index) => (index === at ? byte ^ 1 : byte))

async function invitedProfile(serial: string, identityKind: 'acme' | 'scep' = 'acme') {
  const { code, enrollmentId } = await here.mdm.invite({ macId: `mac-${serial}`, serial, identityKind })
  const reply = await here.mdm.handleEnroll({ method: 'GET', path: `/enroll/${code}`, headers: {}, body: new Uint8Array() })
  return { enrollmentId, signed: reply.body, profile: readSignedProfile(reply.body) }
}

test('openssl cms verifies the enrollment profile under its signer alone, and not with a byte of it changed', async () => {
  const { signed } = await invitedProfile('C02OSSL1')
  putCertificate('signer.pem', here.deps.profileSigner.certificate)
  put('profile', signed)
  const verify = (name: string) => ['cms', '-verify', '-binary', '-inform', 'DER', '-in', name, '-CAfile', 'signer.pem', ...now()]
  expect(openssl(...verify('profile')).toString()).toContain('com.apple.security.acme')
  const at = Buffer.from(signed).indexOf('ClientIdentifier')
  put('changed', flipped(signed, at))
  expect(isTaken(...verify('changed'))).toBe(false)
})

test('openssl verify finds the path of an identity, as a TLS client, and under no other authority', async () => {
  const mac = here.mac('C02OSSL2')
  await here.enroll(mac)
  putCertificate('ca.pem', here.deps.ca.certificate)
  putCertificate('identity.pem', mac.identity()?.certificate ?? new Uint8Array())
  putCertificate('scep-ca.pem', scepCa.certificate)
  const verify = (ca: string, purpose: string) => isTaken('verify', '-CAfile', ca, '-purpose', purpose, ...now(), 'identity.pem')
  expect([verify('ca.pem', 'sslclient'), verify('ca.pem', 'sslserver'), verify('scep-ca.pem', 'sslclient')]).toEqual([true, false, false])
  expect(isTaken('verify', '-x509_strict', '-CAfile', 'ca.pem', ...now(), 'ca.pem')).toBe(true)
})

test('openssl cms verifies SCEP’s reply under its CA, opens the envelope and finds the certificate', async () => {
  const { enrollmentId, profile } = await invitedProfile('C02OSSL3', 'scep')
  const payload = (profile.plist.get('PayloadContent') as Map<string, unknown>[])[0]?.get('PayloadContent') as Map<string, string>
  const replies: Uint8Array[] = []
  const listening = {
    ...here.mdm,
    handleScep: async (request: Parameters<typeof here.mdm.handleScep>[0]) => {
      const reply = await here.mdm.handleScep(request)
      replies.push(reply.body)
      return reply
    },
  }
  const keys = await newRsaKeys()
  const signer = await selfSigned(keys)
  const { identity } = await requestCertificate(listening, { commonName: enrollmentId, challenge: payload.get('Challenge'), keys, signer })
  putCertificate('scep-ca.pem', scepCa.certificate)
  putCertificate('requester.pem', signer.certificate)
  put('requester.key', new Uint8Array(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)))
  put('reply', replies.at(-1) ?? new Uint8Array())
  openssl(
    'cms',
    '-verify',
    '-binary',
    '-inform',
    'DER',
    '-in',
    'reply',
    '-CAfile',
    'scep-ca.pem',
    '-purpose',
    'any',
    ...now(),
    '-out',
    'envelope',
  )
  openssl(
    'cms',
    '-decrypt',
    '-binary',
    '-inform',
    'DER',
    '-in',
    'envelope',
    '-recip',
    'requester.pem',
    '-inkey',
    'requester.key',
    '-keyform',
    'DER',
    '-out',
    'bag',
  )
  const certificates = openssl('pkcs7', '-inform', 'DER', '-in', 'bag', '-print_certs').toString()
  const [pem = ''] = /-----BEGIN[\s\S]+END CERTIFICATE-----/.exec(certificates) ?? []
  expect(new Uint8Array(new X509Certificate(pem).raw)).toEqual(identity?.certificate)
  put('scep-identity.pem', pem)
  expect(isTaken('verify', '-CAfile', 'scep-ca.pem', '-purpose', 'sslclient', ...now(), 'scep-identity.pem')).toBe(true)
})

test('openssl pkeyutl verifies the signature of a revocation list, and makes one that we take', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }))
  put('log.pub', publicKey.export({ type: 'spki', format: 'pem' }))
  put('log.key', privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const list = { v: 1 as const, number: 3, issuedAt: 1, macs: ['ab'.repeat(32)], apiKeys: [] }
  const signed = signRevocationList(privateKey, list)
  const signedBytes = statement('revocation-list', new Uint8Array(Buffer.from(signed.list, 'base64url')))
  const verify = (bytes: Uint8Array, signature: Uint8Array) =>
    isTaken(
      'pkeyutl',
      '-verify',
      '-pubin',
      '-inkey',
      'log.pub',
      '-rawin',
      '-in',
      put('statement', bytes),
      '-sigfile',
      put('signature', signature),
    )
  const signature = new Uint8Array(Buffer.from(signed.signature, 'base64url'))
  expect([verify(signedBytes, signature), verify(flipped(signedBytes), signature), verify(signedBytes, flipped(signature))]).toEqual([
    true,
    false,
    false,
  ])
  const body = utf8('{"apiKeys":[],"issuedAt":1,"macs":[],"number":4,"v":1}')
  put('statement', concat(utf8('espalier/1 revocation-list'), Uint8Array.of(0), body))
  openssl('pkeyutl', '-sign', '-inkey', 'log.key', '-rawin', '-in', 'statement', '-out', 'theirs')
  const theirs = { list: base64url(body), signature: readFileSync(file('theirs')).toString('base64url') }
  expect(openRevocationList(spki, theirs)).toEqual({ v: 1, number: 4, issuedAt: 1, macs: [], apiKeys: [] })
})

describe('what openssl makes, and we take', () => {
  test.each(['aes-128-cbc', 'aes-192-cbc', 'aes-256-cbc'])('an envelope for SCEP under %s', (cipher) => {
    putCertificate('scep-ca.pem', scepCa.certificate)
    put('request', 'what is inside')
    openssl('cms', '-encrypt', '-binary', '-outform', 'DER', `-${cipher}`, '-in', 'request', '-out', 'sealed', 'scep-ca.pem')
    const opened = openEnvelope(new Uint8Array(readFileSync(file('sealed'))), scepCa)
    expect(opened).toMatchObject({ content: utf8('what is inside'), cipher: { name: cipher } })
  })

  test('but no envelope under DES, and none that is sealed with OAEP', () => {
    putCertificate('scep-ca.pem', scepCa.certificate)
    put('request', 'what is inside')
    const seal = (...args: string[]) => {
      openssl('cms', '-encrypt', '-binary', '-outform', 'DER', '-in', 'request', '-out', 'sealed', ...args)
      return openEnvelope(new Uint8Array(readFileSync(file('sealed'))), scepCa)
    }
    expect(seal('-des3', 'scep-ca.pem')).toBeUndefined()
    expect(seal('-aes128', '-recip', 'scep-ca.pem', '-keyopt', 'rsa_padding_mode:oaep')).toBeUndefined()
  })

  test('a request for a certificate, for the key and the name that were attested', async () => {
    const key: KeyObject = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey
    put('device.key', key.export({ type: 'pkcs8', format: 'pem' }))
    openssl('req', '-new', '-key', 'device.key', '-sha384', '-subj', '/CN=enr_1', '-outform', 'DER', '-out', 'csr')
    const csr = new Uint8Array(readFileSync(file('csr')))
    const spki = new Uint8Array(openssl('pkey', '-in', 'device.key', '-pubout', '-outform', 'DER'))
    expect(createPrivateKey(readFileSync(file('device.key'))).asymmetricKeyType).toBe('ec')
    expect(await checkCsr({ csr, attestedSpki: spki, commonName: 'enr_1' })).toBeUndefined()
    expect(await checkCsr({ csr: flipped(csr), attestedSpki: spki, commonName: 'enr_1' })).toBe('CSR_SIGNATURE_INVALID')
  })
})

test('openssl verify finds the path of every attestation that we accept, and of none with a changed signature', () => {
  const laboratory = createLaboratory('openssl')
  const anchors = createCustomAnchors(laboratory.root())
  putCertificate('apple.pem', laboratory.root())
  const verify = ([leaf, subCa]: Uint8Array[]) =>
    isTaken(
      'verify',
      '-CAfile',
      'apple.pem',
      '-untrusted',
      putCertificate('sub.pem', subCa as Uint8Array),
      '-attime',
      seconds(AT),
      putCertificate('leaf.pem', leaf as Uint8Array),
    )
  const both = (chain: Uint8Array[]) => [verifyChain(chain, anchors, AT).ok, verify(chain)]
  expect(both(laboratory.chain())).toEqual([true, true])
  expect(both(laboratory.chain({ mutateSignature: flipped }))).toEqual([false, false])
  expect(both(laboratory.chain({}, { mutateSignature: flipped }))).toEqual([false, false])
  const elsewhere = createLaboratory('elsewhere')
  expect(both([elsewhere.leaf(), laboratory.subCa()])).toEqual([false, false])
})
