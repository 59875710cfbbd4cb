import { execFileSync } from 'node:child_process'
import { createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createPushAuthority, OTHER_TOPIC, type PushPair, rsaKey, TOPIC } from '../../test/support/push-certificates.ts'
import { type PushCertificate, readPushCertificate } from './certificate.ts'
import { PushCertificateFault } from './certificate-fault.ts'

const NOW = new Date()
const PASSWORD = 'correct horse'
const authority = createPushAuthority()

let dir: string
let good: PushPair
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'espalier-push-'))
  good = authority.issue()
  writeFileSync(path('cert.pem'), good.certificate)
  writeFileSync(path('key.pem'), good.keyPem)
  writeFileSync(path('issuer.pem'), authority.caPem)
})
afterAll(() => rmSync(dir, { recursive: true }))

const path = (name: string): string => join(dir, name)
const openssl = (...args: string[]): string =>
  execFileSync('openssl', args, { cwd: dir, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
const pkcs8Of = (key: KeyObject): Buffer => key.export({ type: 'pkcs8', format: 'der' })

function p12(options: string[], password = PASSWORD): Buffer {
  openssl('pkcs12', '-export', '-in', 'cert.pem', '-inkey', 'key.pem', '-out', 'out.p12', '-passout', `pass:${password}`, ...options)
  return readFileSync(path('out.p12'))
}

/** The code of the refusal, and its words, which must be words. */
function refusalOf(bytes: Uint8Array, options: { password?: string; now?: Date } = {}): string {
  try {
    readPushCertificate(bytes, { now: NOW, ...options })
  } catch (error) {
    if (!(error instanceof PushCertificateFault)) throw error
    expect(error.message).toMatch(/^[A-Z].{20,}[.?]$/s)
    expect(error.message).not.toContain('    at ')
    return `${error.kind} ${error.code}`
  }
  return 'read'
}

/** Whatever the container was, the certificate is the same byte for byte and the key the same key. */
function expectGood(read: PushCertificate): void {
  const certificate = new X509Certificate(good.certificate)
  expect(Buffer.from(read.certificate).equals(certificate.raw)).toBe(true)
  const key = createPrivateKey({ key: Buffer.from(read.pkcs8), format: 'der', type: 'pkcs8' })
  expect(pkcs8Of(key).equals(pkcs8Of(good.key))).toBe(true)
  expect(read).toMatchObject({ topic: TOPIC, notAfter: certificate.validToDate, notBefore: certificate.validFromDate })
}

describe('a push certificate in PEM', () => {
  const pkcs1 = () => good.key.export({ type: 'pkcs1', format: 'pem' }).toString()

  test.each([
    ['the certificate and a PKCS#8 key', () => good.certificate + good.keyPem],
    ['the key first', () => good.keyPem + good.certificate],
    ['a PKCS#1 key', () => good.certificate + pkcs1()],
    [
      'lines that end in CR LF, and text around the blocks',
      () => `Bag Attributes\n${good.certificate}\n${good.keyPem}`.replaceAll('\n', '\r\n'),
    ],
    ['its issuer beside it', () => authority.caPem + good.certificate + good.keyPem],
  ])('is read: %s', (_, text) => expectGood(readPushCertificate(Buffer.from(text()), { now: NOW })))

  test.each([
    ['PKCS#8', ['pkcs8', '-topk8', '-in', 'key.pem']],
    ['the traditional form', ['rsa', '-in', 'key.pem', '-traditional', '-aes128']],
  ])('is read with a key that openssl encrypted as %s, with the password alone', (_, command) => {
    const pem = Buffer.from(good.certificate + openssl(...command, '-passout', `pass:${PASSWORD}`))
    expectGood(readPushCertificate(pem, { now: NOW, password: PASSWORD }))
    expect(refusalOf(pem, { password: 'wrong' })).toBe('malformed wrong_password')
    expect(refusalOf(pem)).toBe('malformed wrong_password')
  })

  test('says what openssl says of a certificate that openssl made', () => {
    const subject = `/UID=${TOPIC}/CN=APSP:openssl/C=US`
    openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'o.key', '-out', 'o.csr', '-subj', subject)
    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'oca.key', '-out', 'oca.pem', '-subj', '/CN=CA')
    openssl('x509', '-req', '-in', 'o.csr', '-CA', 'oca.pem', '-CAkey', 'oca.key', '-set_serial', '7', '-days', '365', '-out', 'o.pem')
    openssl('pkcs12', '-export', '-in', 'o.pem', '-inkey', 'o.key', '-certfile', 'oca.pem', '-out', 'o.p12', '-passout', 'pass:')
    const read = readPushCertificate(readFileSync(path('o.p12')), { now: new Date() })
    const [end, fingerprint] = openssl('x509', '-in', 'o.pem', '-noout', '-enddate', '-fingerprint', '-sha256').split('\n')
    expect(read.topic).toBe(TOPIC)
    expect(read.notAfter).toEqual(new Date(end?.split('=')[1] ?? ''))
    expect(read.sha256).toBe(fingerprint?.split('=')[1]?.replaceAll(':', '').toLowerCase())
  })
})

describe('a push certificate in PKCS#12', () => {
  test.each([
    ['OpenSSL 3’s own encryption, PBES2 with AES-256', []],
    ['the legacy one, RC2-40 and 3DES', ['-legacy']],
    ['3DES throughout, as Keychain Access exports', ['-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha1']],
    ['no encryption but a MAC', ['-keypbe', 'NONE', '-certpbe', 'NONE']],
    ['its issuer beside it', ['-certfile', 'issuer.pem']],
  ])('is read with the password alone: %s', (_, options) => {
    const bytes = p12(options)
    expectGood(readPushCertificate(bytes, { now: NOW, password: PASSWORD }))
    expect(refusalOf(bytes, { password: 'wrong' })).toBe('malformed wrong_password')
    expect(refusalOf(bytes)).toBe('malformed wrong_password')
  })

  test('without a MAC is read with its password; what another one makes of it is never believed', () => {
    const bytes = p12(['-nomac'])
    expectGood(readPushCertificate(bytes, { now: NOW, password: PASSWORD }))
    for (const password of ['wrong', '']) expect(refusalOf(bytes, { password })).toMatch(/^malformed (wrong_password|damaged)$/)
  })

  test('is read without a password where it has none', () => expectGood(readPushCertificate(p12([], ''), { now: NOW })))

  test('under a cipher that is not read here says how to export it again', () => {
    const bytes = p12(['-keypbe', 'camellia-256-cbc', '-certpbe', 'camellia-256-cbc'])
    expect(refusalOf(bytes, { password: PASSWORD })).toBe('malformed unsupported_encryption')
    // The way that the refusal names works.
    expect(() => readPushCertificate(bytes, { now: NOW, password: PASSWORD })).toThrow('openssl pkcs12 -in FILE -out push.pem')
    const pem = openssl('pkcs12', '-in', 'out.p12', '-passin', `pass:${PASSWORD}`, '-passout', `pass:${PASSWORD}`)
    expectGood(readPushCertificate(Buffer.from(pem), { now: NOW, password: PASSWORD }))
  })

  test.each([
    ['PKCS#12', 100_001, () => p12(['-iter', '100001'])],
    [
      'PEM',
      2_000_001,
      () => Buffer.from(openssl('pkcs8', '-topk8', '-v2', 'aes256', '-iter', '2000001', '-in', 'key.pem', '-passout', `pass:${PASSWORD}`)),
    ],
  ])('whose password is hashed more often than any program does it (%s, %i rounds) is refused before it is hashed', (_, __, make) => {
    const bytes = make()
    const start = performance.now()
    expect(refusalOf(bytes, { password: PASSWORD })).toBe('malformed unsupported_encryption')
    expect(performance.now() - start).toBeLessThan(1000)
  })

  test('cut short or changed in one byte is refused, or still the same pair', { timeout: 60_000 }, () => {
    const bytes = p12([])
    const isRefusedOrGood = (changed: Uint8Array): void => {
      if (refusalOf(changed, { password: PASSWORD }) === 'read') expectGood(readPushCertificate(changed, { now: NOW, password: PASSWORD }))
    }
    fc.assert(
      fc.property(fc.integer({ min: 0, max: bytes.length - 1 }), (length) => isRefusedOrGood(bytes.subarray(0, length))),
      { numRuns: 30 },
    )
    fc.assert(
      fc.property(fc.integer({ min: 0, max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const changed = Uint8Array.from(bytes)
        changed[at] = (changed[at] ?? 0) ^ mask
        isRefusedOrGood(changed)
      }),
      { numRuns: 60 },
    )
  })
})

describe('what is refused, and by which check', () => {
  const ecKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const pem = (...parts: string[]): Buffer => Buffer.from(parts.join(''))

  test('the one that stands is read', () => expect(refusalOf(good.pem)).toBe('read'))

  test.each<[string, string, () => Uint8Array]>([
    ['garbage', 'malformed not_a_key_file', () => Buffer.from('garbage')],
    ['an empty file', 'malformed not_a_key_file', () => new Uint8Array()],
    ['a huge file', 'malformed not_a_key_file', () => Buffer.concat([good.pem, Buffer.alloc(256 * 1024)])],
    ['a DER SEQUENCE of something else', 'malformed not_a_key_file', () => Uint8Array.of(0x30, 3, 2, 1, 5)],
    ['PEM without its end', 'malformed damaged', () => good.pem.subarray(0, -10)],
    ['PEM with a broken certificate', 'malformed damaged', () => pem(good.certificate.replace('MII', 'AAA'), good.keyPem)],
    ['PEM with a broken key', 'malformed damaged', () => pem(good.certificate, good.keyPem.replace('MII', 'AAA'))],
    [
      'a certificate request beside it',
      'malformed unexpected_content',
      () => pem(good.certificate, good.keyPem, '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n'),
    ],
    ['the key alone', 'malformed certificate_missing', () => pem(good.keyPem)],
    ['the certificate alone, as Apple gives it', 'malformed private_key_missing', () => pem(good.certificate)],
    ['the certificate alone in DER', 'malformed private_key_missing', () => new X509Certificate(good.certificate).raw],
    ['two private keys', 'malformed several_private_keys', () => pem(good.certificate, good.keyPem, good.keyPem)],
    ['a certificate without a topic', 'refused no_topic', () => authority.issue({ topic: undefined }).pem],
    ['an app’s certificate', 'refused no_topic', () => authority.issue({ topic: 'com.example.app' }).pem],
    ['a CA that names a topic', 'refused no_topic', () => authority.issue({ isCa: true }).pem],
    [
      'two push certificates',
      'refused several_topics',
      () => pem(authority.issue({ topic: OTHER_TOPIC }).certificate, good.certificate, good.keyPem),
    ],
    ['an EC key', 'refused key_not_rsa', () => authority.issue({ key: ecKey() }).pem],
    [
      'the key of another certificate',
      'refused key_mismatch',
      () =>
        pem(
          good.certificate,
          generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
        ),
    ],
    [
      'a short RSA key',
      'refused key_too_short',
      () => authority.issue({ key: generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey }).pem,
    ],
    ['one that is not valid yet', 'refused not_yet_valid', () => authority.issue({ notBefore: new Date(NOW.getTime() + 60_000) }).pem],
    ['one that has expired', 'refused expired', () => authority.issue({ notAfter: new Date(NOW.getTime() - 60_000) }).pem],
  ])('%s: %s', (_, code, file) => expect(refusalOf(file())).toBe(code))

  test('an EC pair in PKCS#12 is told like one in PEM', () => {
    const pair = authority.issue({ key: ecKey() })
    writeFileSync(path('ec.pem'), pair.pem)
    openssl('pkcs12', '-export', '-in', 'ec.pem', '-inkey', 'ec.pem', '-out', 'ec.p12', '-passout', 'pass:')
    expect(refusalOf(readFileSync(path('ec.p12')))).toBe('refused key_not_rsa')
  })

  test('is valid from its first second and not in its last', () => {
    const [first, last] = [new Date('2026-01-01T00:00:00Z'), new Date('2027-01-01T00:00:00Z')]
    const { pem: file } = authority.issue({ notBefore: first, notAfter: last, key: rsaKey() })
    const at = (ms: number): string => refusalOf(file, { now: new Date(ms) })
    expect(at(first.getTime() - 1)).toBe('refused not_yet_valid')
    expect(at(first.getTime())).toBe('read')
    expect(at(last.getTime() - 1)).toBe('read')
    expect(at(last.getTime())).toBe('refused expired')
  })

  test('whatever the bytes, the answer is a refusal with a code', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, looksLikeDer) => {
        expect(refusalOf(looksLikeDer ? Uint8Array.of(0x30, ...bytes) : bytes)).toMatch(/^malformed /)
      }),
    )
  })
})
