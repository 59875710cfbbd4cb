import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { issueIdentity } from '../acme/issue-identity.ts'
import { createDeviceCa, createProfileSigner } from '../issuer.ts'
import type { Issuer } from '../ports.ts'
import { newIdentityKey } from '../testing/test-mac.ts'
import { checkIssued } from './check-issued.ts'
import { signContent } from './sign-content.ts'
import { verifyDetachedSignature } from './verify-signature.ts'

const CONTENT = new TextEncoder().encode('<plist version="1.0"><true/></plist>\r\nexactly these bytes\n')
const folder = mkdtempSync(join(tmpdir(), 'mdm-cms-'))
const at = (name: string) => join(folder, name)
const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })

const KEYS = {
  'P-256': ['EC', 'ec_paramgen_curve:P-256'],
  'P-384': ['EC', 'ec_paramgen_curve:P-384'],
  'P-521': ['EC', 'ec_paramgen_curve:P-521'],
  RSA: ['RSA', 'rsa_keygen_bits:2048'],
  'RSA-1024': ['RSA', 'rsa_keygen_bits:1024'],
} as const

beforeAll(() => {
  writeFileSync(at('content'), CONTENT)
  for (const [name, [algorithm, option]] of Object.entries(KEYS)) {
    openssl('genpkey', '-algorithm', algorithm, '-pkeyopt', option, '-out', `${name}.key`)
    openssl('req', '-x509', '-new', '-key', `${name}.key`, '-out', `${name}.pem`, '-subj', `/CN=${name}`, '-days', '3')
  }
})
afterAll(() => rmSync(folder, { recursive: true }))

/** `openssl cms -sign`, detached unless told otherwise. */
function sign(name: string, ...options: string[]): Uint8Array {
  openssl(
    'cms',
    '-sign',
    '-binary',
    '-in',
    'content',
    '-signer',
    `${name}.pem`,
    '-inkey',
    `${name}.key`,
    '-outform',
    'DER',
    '-out',
    'signed',
    ...options,
  )
  return new Uint8Array(readFileSync(at('signed')))
}
const codeOf = (cms: Uint8Array, content = CONTENT) => {
  const verified = verifyDetachedSignature(cms, content)
  return verified.ok ? 'ok' : verified.code
}
const derOf = (name: string) => new Uint8Array(openssl('x509', '-in', `${name}.pem`, '-outform', 'DER'))

describe('a detached signature made by openssl', () => {
  for (const name of ['P-256', 'P-384', 'RSA']) {
    for (const digest of ['sha256', 'sha384', 'sha512']) {
      test(`${name} with ${digest} verifies, and names the certificate byte for byte`, () => {
        expect(verifyDetachedSignature(sign(name, '-md', digest), CONTENT)).toEqual({ ok: true, certificate: derOf(name) })
      })
    }
    test(`${name} without signed attributes verifies`, () => expect(codeOf(sign(name, '-md', 'sha256', '-noattr'))).toBe('ok'))
    test(`${name} naming its signer by key identifier verifies`, () => expect(codeOf(sign(name, '-md', 'sha256', '-keyid'))).toBe('ok'))
  }

  test('is refused over other bytes, attributes or not', () => {
    const changed = CONTENT.slice()
    changed[3] = (changed[3] as number) ^ 1
    expect(codeOf(sign('P-384', '-md', 'sha384'), changed)).toBe('CMS_DIGEST_MISMATCH')
    expect(codeOf(sign('P-384', '-md', 'sha384', '-noattr'), changed)).toBe('CMS_SIGNATURE_INVALID')
  })

  test('is refused with SHA-1', () => expect(codeOf(sign('RSA', '-md', 'sha1'))).toBe('CMS_ALGORITHM'))
  test('is refused with RSA-PSS', () =>
    expect(codeOf(sign('RSA', '-md', 'sha256', '-keyopt', 'rsa_padding_mode:pss'))).toBe('CMS_ALGORITHM'))
  test('is refused of a P-521 key', () => expect(codeOf(sign('P-521', '-md', 'sha512'))).toBe('CMS_ALGORITHM'))
  test('is refused of a short RSA key', () => expect(codeOf(sign('RSA-1024', '-md', 'sha256'))).toBe('CMS_ALGORITHM'))
  test('is refused when it carries its content', () => expect(codeOf(sign('P-384', '-md', 'sha384', '-nodetach'))).toBe('CMS_NOT_DETACHED'))
  test('is refused without the certificate', () =>
    expect(codeOf(sign('P-384', '-md', 'sha384', '-nocerts'))).toBe('CMS_CERTIFICATE_MISSING'))
  test('is refused with two signers', () => {
    expect(codeOf(sign('P-384', '-md', 'sha384', '-signer', 'P-256.pem', '-inkey', 'P-256.key'))).toBe('CMS_SIGNER_COUNT')
  })
  test('is refused with a byte behind it', () => expect(codeOf(Uint8Array.of(...sign('P-384', '-md', 'sha384'), 0))).toBe('CMS_MALFORMED'))
  test('is refused when it is too large', () => expect(codeOf(new Uint8Array(16 * 1024 + 1))).toBe('CMS_MALFORMED'))

  test('is refused where a structure says that it is none, or a plain value that it is one', () => {
    const signed = sign('P-384', '-md', 'sha384', '-nocerts')
    // Outer SEQUENCE; content type; [0]; SignedData; version; the SET of digests and what is in it: all before anything is signed.
    const heads: number[] = []
    for (let at = 0; heads.length < 8; ) {
      heads.push(at)
      const [tag = 0, length = 0] = signed.subarray(at)
      const header = length < 0x80 ? 2 : 2 + (length & 0x7f)
      at += (tag & 0x20) !== 0 ? header : header + length
    }
    for (const at of heads) {
      const wrong = Uint8Array.from(signed)
      wrong[at] = (wrong[at] ?? 0) ^ 0x20
      expect(codeOf(wrong), `byte ${at}`).toBe('CMS_MALFORMED')
    }
  })

  test('with any bit flipped it is refused, or still names the same certificate', () => {
    const signed = sign('P-384', '-md', 'sha384')
    const certificate = derOf('P-384')
    fc.assert(
      fc.property(fc.nat(signed.length * 8 - 1), (bit) => {
        const damaged = signed.slice()
        damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7))
        const verified = verifyDetachedSignature(damaged, CONTENT)
        // A few bits (a version number, NULL parameters, the certificate's own signature) are covered by nobody here.
        if (verified.ok && Buffer.compare(verified.certificate, certificate) !== 0) {
          expect(checkIssued({ certificate: verified.certificate, ca: certificate, now: new Date() })).toBe('CERT_NOT_OURS')
        }
      }),
      { numRuns: 300 },
    )
  })

  test('random bytes never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (input) => {
        expect(codeOf(input)).toBe('CMS_MALFORMED')
      }),
    )
  })
})

describe('content that we sign', () => {
  test('verifies with openssl, content and all', async () => {
    const signer = await createProfileSigner({ organization: 'Example AG', now: new Date() })
    writeFileSync(at('profile'), await signContent(CONTENT, signer))
    writeFileSync(at('signer.der'), signer.certificate)
    openssl('x509', '-inform', 'DER', '-in', 'signer.der', '-out', 'signer.pem')
    const content = openssl('cms', '-verify', '-binary', '-inform', 'DER', '-in', 'profile', '-CAfile', 'signer.pem')
    expect(new Uint8Array(content)).toEqual(CONTENT)
  })

  test('of 300 KB is one primitive octet string still', async () => {
    const large = new Uint8Array(300_000).fill(65)
    writeFileSync(at('large'), await signContent(large, await createProfileSigner({ organization: 'Example AG', now: new Date() })))
    const content = execFileSync('openssl', ['cms', '-verify', '-binary', '-noverify', '-inform', 'DER', '-in', 'large'], {
      cwd: folder,
      stdio: 'pipe',
      maxBuffer: 1_000_000,
    })
    expect(content.length).toBe(large.length)
  })
})

describe('a certificate counts as issued', () => {
  const now = new Date('2026-11-02T09:00:00Z')
  const organization = 'Example AG'
  const identity = async (ca: Issuer, date = now) => {
    const { publicKey } = await newIdentityKey()
    const spki = new Uint8Array(await crypto.subtle.exportKey('spki', publicKey))
    const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
    const { pem } = await issueIdentity({ ca, spki, enrollmentId: 'E', serial: 'C02AAA', purpose: 'enrollment', now: date, random })
    writeFileSync(at('leaf.pem'), pem)
    return new Uint8Array(openssl('x509', '-in', 'leaf.pem', '-outform', 'DER'))
  }

  test('when our CA signed it and it is valid now', async () => {
    const ca = await createDeviceCa({ organization, now })
    const certificate = await identity(ca)
    expect(checkIssued({ certificate, ca: ca.certificate, now })).toBeUndefined()
    expect(checkIssued({ certificate, ca: ca.certificate, now: new Date('2027-06-01T00:00:00Z') })).toBe('CERT_EXPIRED')
    expect(checkIssued({ certificate, ca: ca.certificate, now: new Date('2026-11-02T07:00:00Z') })).toBe('CERT_NOT_YET_VALID')
  })

  test('not when a CA of the same name signed it', async () => {
    const [ca, impostor] = [await createDeviceCa({ organization, now }), await createDeviceCa({ organization, now })]
    expect(checkIssued({ certificate: await identity(impostor), ca: ca.certificate, now })).toBe('CERT_NOT_OURS')
  })

  test('not when it is the CA itself', async () => {
    const ca = await createDeviceCa({ organization, now })
    expect(checkIssued({ certificate: ca.certificate, ca: ca.certificate, now })).toBe('CERT_WRONG_USE')
  })

  test('and carries subject, uses and the serial number as openssl reads them', async () => {
    await identity(await createDeviceCa({ organization, now }))
    const text = openssl('x509', '-in', 'leaf.pem', '-noout', '-text').toString()
    expect(text).toContain('Subject: CN = E\n')
    expect(text).toMatch(/Extended Key Usage: *\n *TLS Web Client Authentication\n/)
    expect(text).toMatch(/Key Usage: critical\n *Digital Signature\n/)
    expect(text).toContain('othername')
    const asn1 = openssl('asn1parse', '-in', 'leaf.pem').toString()
    const extension = /X509v3 Subject Alternative Name\s*\n.*OCTET STRING\s+\[HEX DUMP\]:([0-9A-F]+)/.exec(asn1)
    // SEQUENCE { [0] { OID 1.3.6.1.5.5.7.8.3, [0] { SEQUENCE { UTF8String } } } }
    expect(extension?.[1]).toBe(`3018A01606082B06010505070803A00A30080C06${Buffer.from('C02AAA').toString('hex').toUpperCase()}`)
  })
})
