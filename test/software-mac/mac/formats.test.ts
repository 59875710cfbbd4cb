import 'reflect-metadata'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Pkcs10CertificateRequest } from '@peculiar/x509'
import { decode } from 'cborg'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { certificatePem, createEvaluationAuthority, issueAttestation } from '../apple/authority.ts'
import { scratch } from '../testing/processes.ts'
import { encodeCbor } from './cbor.ts'
import { CmsError, openSigned } from './cms-open.ts'
import { signDetached } from './cms-sign.ts'
import { createCsr } from './csr.ts'
import { PlistError, readPlist } from './plist/read.ts'
import { type Plist, writePlist } from './plist/write.ts'
import { ephemeralKey } from './secure-enclave.ts'

const folder = scratch()
afterAll(() => folder.remove())
const file = (name: string, content: Uint8Array | string) => {
  writeFileSync(join(folder.path, name), content)
  return join(folder.path, name)
}
const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] }).toString()

/** A certificate over a key of ours, from any issuer: only its name and number matter to CMS. */
function certify(spki: Uint8Array): Uint8Array {
  const now = new Date()
  const authority = createEvaluationAuthority({ now })
  const facts = { serial: 'S', udid: 'U', osVersion: '1', sepOsVersion: '1', llb: '1', softwareUpdateDeviceId: 'J' }
  return issueAttestation(authority, { ...facts, leafPublicKeySpki: spki, freshness: new Uint8Array(32), now })[0]
}

describe('Mdm-Signature', () => {
  test.each(['P-256', 'P-384'] as const)('is a detached CMS that OpenSSL verifies: %s', (curve) => {
    const key = ephemeralKey(curve)
    const certificate = certify(key.spki)
    const body = Buffer.from('<plist/>')
    const cms = file('signature.der', signDetached({ body, key, certificate, at: new Date() }))
    const signer = file('signer.pem', certificatePem(certificate))
    const args = ['cms', '-verify', '-inform', 'DER', '-in', cms, '-noverify', '-certfile', signer, '-binary', '-content']
    expect(openssl(...args, file('body', body))).toBe('<plist/>')
    expect(() => openssl(...args, file('other', '<plist />'))).toThrow()
  })
})

describe('a signed profile', () => {
  const key = file('profile.key', openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'))
  const certificate = file('profile.pem', openssl('req', '-x509', '-new', '-key', key, '-subj', '/CN=Enrollment', '-days', '2'))
  const sign = (...options: string[]) => {
    const out = join(folder.path, 'profile.der')
    openssl(
      'cms',
      '-sign',
      '-in',
      file('profile.xml', PROFILE),
      '-inkey',
      key,
      '-signer',
      certificate,
      '-outform',
      'DER',
      '-nodetach',
      '-binary',
      '-out',
      out,
      ...options,
    )
    return new Uint8Array(execFileSync('cat', [out]))
  }
  const PROFILE = '<plist version="1.0"><dict/></plist>'

  test.each([[[]], [['-noattr']], [['-md', 'sha384']]])('opens as OpenSSL signed it %s', (options) => {
    const opened = openSigned(sign(...options))
    expect(Buffer.from(opened.content).toString()).toBe(PROFILE)
    expect(opened.signer.subject).toBe('CN=Enrollment')
  })

  test('opens under no altered byte of content or signature', () => {
    const cms = sign()
    const contentAt = Buffer.from(cms).indexOf(PROFILE)
    for (const at of [contentAt, contentAt + PROFILE.length - 1, cms.length - 5]) {
      const altered = Uint8Array.from(cms)
      altered[at] = (altered[at] as number) ^ 1
      expect(() => openSigned(altered)).toThrow(CmsError)
    }
    expect(() => openSigned(cms.subarray(0, -1))).toThrow(CmsError)
    expect(() => openSigned(sign('-nocerts'))).toThrow(CmsError)
  })
})

describe('a certificate request', () => {
  test.each(['P-256', 'P-384'] as const)('verifies elsewhere and names the payload’s subject: %s', async (curve) => {
    const key = ephemeralKey(curve)
    const der = createCsr([[['CN', 'some enrollment']], [['O', 'Espalier']]], key)
    const request = new Pkcs10CertificateRequest(new Uint8Array(der))
    expect(await request.verify()).toBe(true)
    expect(request.subjectName.getField('CN')).toEqual(['some enrollment'])
    expect(openssl('req', '-verify', '-noout', '-inform', 'DER', '-in', file('csr.der', der))).toBeDefined()
  })
})

test('an attestation object is CBOR that a strict reader accepts', () => {
  const x5c = [new Uint8Array(30), new Uint8Array(300), new Uint8Array(70_000)]
  const bytes = encodeCbor({ fmt: 'apple', attStmt: { x5c } })
  expect(decode(bytes, { strict: true, rejectDuplicateMapKeys: true })).toEqual({ fmt: 'apple', attStmt: { x5c } })
})

describe('property lists', () => {
  const scalar = fc.oneof(
    fc.string({ unit: 'grapheme-ascii' }),
    fc.constantFrom('Müller', '🍐', '&amp;', '<![CDATA[', ' a\n\tb '),
    fc.integer(),
    fc.boolean(),
    fc.uint8Array({ maxLength: 40 }),
  )
  const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      scalar,
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.string({ unit: 'grapheme-ascii' }), tie('value'), { maxKeys: 4, noNullPrototype: false }),
    ),
  })).value

  test('come back as they were written', () => {
    fc.assert(
      fc.property(value, (written) => {
        const read = readPlist(Buffer.from(writePlist(written as Plist)))
        expect(JSON.stringify(read)).toBe(JSON.stringify(written))
      }),
      { numRuns: 200 },
    )
  })

  test.each([
    ['a key twice', '<plist version="1.0"><dict><key>a</key><true/><key>a</key><true/></dict></plist>'],
    ['two roots', '<plist version="1.0"><true/><true/></plist>'],
    ['an unknown entity', '<plist version="1.0"><string>&x;</string></plist>'],
    ['something after the end', '<plist version="1.0"><true/></plist><true/>'],
    ['an unknown element', '<plist version="1.0"><blob/></plist>'],
    ['broken base64', '<plist version="1.0"><data>A</data></plist>'],
    ['a value without key', '<plist version="1.0"><dict><true/></dict></plist>'],
    ['no end', '<plist version="1.0"><array>'],
  ])('are refused with %s', (_, text) => {
    expect(() => readPlist(Buffer.from(text))).toThrow(PlistError)
  })
})
