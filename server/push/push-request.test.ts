import { execFileSync } from 'node:child_process'
import { createPrivateKey, createPublicKey, type KeyObject, sign, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { parsePlistDict } from '../../mdm/plist/parse-plist.ts'
import { plistDict, stringAt } from '../../mdm/plist/value.ts'
import { writePlist } from '../../mdm/plist/write-plist.ts'
import { type TestDatabase, testDatabase } from '../../test/support/postgres.ts'
import { createPushAuthority, TOPIC } from '../../test/support/push-certificates.ts'
import { createSecretBox } from '../secrets.ts'
import { readPushCertificate } from './certificate.ts'
import { requestPem } from './certificate-request.ts'
import { findInstalledPushCertificate, installPushCertificate } from './installed-certificate.ts'
import { decryptMail, makeMailKey, openMdmcertMail, sendToMdmcert } from './mdmcert.ts'
import { createPushRequest, discardPushRequest, findRequestKey, keepSignedRequest, requirePushRequest } from './push-request.ts'
import { signRequest } from './signed-request.ts'
import { readVendorIdentity } from './vendor-identity.ts'

/** A little later than the certificates that are made when the tests begin. */
const NOW = new Date(Date.now() + 600_000)
const ACTOR = 'user:usr_1'
const WISH = { organization: 'Müller & Söhne GmbH', email: 'it@example.com', actor: ACTOR } as const
const authority = createPushAuthority()
const secrets = createSecretBox('the first secret of thirty-two characters')

let dir: string
let database: TestDatabase
const deps = () => ({ store: database.store, secrets, clock: { now: () => NOW } })
const path = (name: string): string => join(dir, name)
const openssl = (...args: string[]): string =>
  execFileSync('openssl', args, { cwd: dir, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
const file = (name: string): Buffer => readFileSync(path(name))
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'espalier-push-request-'))
  makeVendor()
})
afterAll(() => rmSync(dir, { recursive: true }))
beforeEach(async () => {
  database = await testDatabase()
})
afterEach(() => database.drop())

/** A root, an intermediate under it, and an MDM vendor's certificate under that: all RSA, made by openssl. */
function makeVendor(): void {
  writeFileSync(path('ca.cnf'), 'basicConstraints=critical,CA:TRUE\n')
  const days = ['-days', '365']
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'root.key',
    '-out',
    'root.pem',
    '-subj',
    '/O=Apple Inc./CN=Root',
    ...days,
  )
  for (const [name, subject, issuer] of [
    ['wwdr', '/O=Apple Inc./CN=WWDR', 'root'],
    ['vendor', '/O=Example/CN=MDM Vendor: Example', 'wwdr'],
    ['another', '/O=Example/CN=MDM Vendor: Another', 'wwdr'],
  ] as const) {
    openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject)
    const ca = name === 'wwdr' ? ['-extfile', 'ca.cnf'] : []
    openssl('x509', '-req', '-in', `${name}.csr`, '-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`, '-out', `${name}.pem`, ...days, ...ca)
  }
}

const vendorFile = (...names: string[]): Buffer => Buffer.concat(names.map(file))
const vendor = () => readVendorIdentity(vendorFile('vendor.pem', 'vendor.key', 'root.pem', 'wwdr.pem'), { now: NOW })

/** The stable code of a refusal, whose words must be words. */
async function codeOf(attempt: () => unknown): Promise<string> {
  try {
    await attempt()
    return 'done'
  } catch (error) {
    expect((error as Error).message).toMatch(/^[A-Z“].{20,}[.?]$|^mdmcert\.download /s)
    return (error as { code: string }).code
  }
}

/** What identity.apple.com gives for a signed request: a certificate for the key in it, named for a topic. */
function certify(csr: Uint8Array, topic = TOPIC): string {
  writeFileSync(path('apple.csr'), requestPem(csr))
  const publicKey = createPublicKey(openssl('req', '-in', 'apple.csr', '-noout', '-pubkey'))
  return authority.issue({ topic, publicKey }).certificate
}

describe('a request made here', () => {
  test('is a PKCS#10 that openssl verifies, of 2048 bits, with the organisation’s own letters', async () => {
    const { csr } = await createPushRequest(deps(), WISH)
    writeFileSync(path('made.csr'), requestPem(csr))
    const text = openssl('req', '-in', 'made.csr', '-noout', '-verify', '-text', '-nameopt', 'utf8')
    expect(text).toContain('Public-Key: (2048 bit)')
    expect(text).toContain('sha256WithRSAEncryption')
    expect(text).toContain('Müller & Söhne GmbH')
  })

  test('outlives the process, its key sealed and never in clear', async () => {
    const { csr } = await createPushRequest(deps(), WISH)
    const row = await database.store.wrappedKey.findUniqueOrThrow({ where: { name: 'push-request' } })
    const again = { ...deps(), secrets: createSecretBox('the first secret of thirty-two characters') }
    const key = (await findRequestKey(again)) as KeyObject
    const pkcs8 = key.export({ format: 'der', type: 'pkcs8' })
    expect(Buffer.from(row.envelope).includes(pkcs8.subarray(-64))).toBe(false)
    expect(new X509Certificate(certify(csr)).checkPrivateKey(key)).toBe(true)
  })

  test('is the only one: a second would make Apple’s answer to the first worthless', async () => {
    await createPushRequest(deps(), WISH)
    expect(await codeOf(() => createPushRequest(deps(), WISH))).toBe('request_pending')
    await discardPushRequest(deps(), ACTOR)
    expect(await findRequestKey(deps())).toBeUndefined()
    expect(await codeOf(() => discardPushRequest(deps(), ACTOR))).toBe('no_request')
    await createPushRequest(deps(), WISH)
    const types = (await database.store.auditEvent.findMany()).map(({ type, actor }) => `${type} ${actor}`).toSorted()
    expect(types).toEqual(['push-request.created user:usr_1', 'push-request.created user:usr_1', 'push-request.discarded user:usr_1'])
  })

  test('is one, although two ask at the same moment', async () => {
    const codes = await Promise.all([WISH, WISH].map((wish) => codeOf(() => createPushRequest(deps(), wish))))
    expect(codes.toSorted()).toEqual(['done', 'request_pending'])
  })

  test.each([
    ['no organisation', { organization: '  ', email: 'it@example.com' }],
    ['an organisation beyond X.520’s bound', { organization: 'x'.repeat(65), email: 'it@example.com' }],
    ['something that is no email address', { organization: 'Example', email: 'it' }],
  ])('needs a name: not %s', async (_, wish) => {
    expect(await codeOf(() => createPushRequest(deps(), { ...wish, actor: ACTOR }))).toBe('bad_name')
  })

  test('under another secret than the appliance’s is refused, and stores nothing', async () => {
    const envelope = secrets.seal('key:device-ca', Uint8Array.of(1))
    await database.store.wrappedKey.create({ data: { name: 'device-ca', envelope: Buffer.from(envelope), createdAt: NOW } })
    const other = createSecretBox('another secret of thirty-two characters')
    await expect(createPushRequest({ ...deps(), secrets: other }, WISH)).rejects.toMatchObject({ name: 'SealedWithOtherSecret' })
    expect(await codeOf(() => requirePushRequest(database.store))).toBe('no_request')
  })
})

describe('the vendor’s signature made here', () => {
  test('is what Apple asks for: openssl verifies it over the DER request, and the chain up to the root in lines of 64', async () => {
    const { csr } = await createPushRequest(deps(), WISH)
    const uploaded = signRequest(csr, vendor())
    expect(uploaded).toMatch(/^[A-Za-z0-9+/]+=*$/)
    const parsed = parsePlistDict(new Uint8Array(Buffer.from(uploaded, 'base64')))
    if (!parsed.ok) throw new Error(parsed.detail)
    const field = (name: string): string => stringAt(parsed.value, name) ?? ''
    expect(Buffer.from(field('PushCertRequestCSR'), 'base64').equals(csr)).toBe(true)
    writeFileSync(path('csr.der'), csr)
    writeFileSync(path('signature'), Buffer.from(field('PushCertSignature'), 'base64'))
    openssl('x509', '-in', 'vendor.pem', '-noout', '-pubkey', '-out', 'vendor.pub')
    expect(openssl('dgst', '-sha256', '-verify', 'vendor.pub', '-signature', 'signature', 'csr.der')).toContain('Verified OK')
    const chain = field('PushCertCertificateChain')
    expect(chain.split('\n').every((line) => line.length <= 64)).toBe(true)
    const subjects = (chain.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? []).map((pem) => new X509Certificate(pem).subject)
    expect(subjects).toEqual([
      expect.stringContaining('MDM Vendor: Example'),
      expect.stringContaining('WWDR'),
      expect.stringContaining('Root'),
    ])
  })

  test.each([
    ['without its key', 'private_key_missing', ['vendor.pem', 'wwdr.pem', 'root.pem']],
    ['without its intermediate', 'vendor_chain_incomplete', ['vendor.pem', 'vendor.key', 'root.pem']],
    ['without the root', 'vendor_chain_incomplete', ['vendor.pem', 'vendor.key', 'wwdr.pem']],
    ['with another’s key', 'key_mismatch', ['vendor.pem', 'another.key', 'wwdr.pem', 'root.pem']],
    ['with two keys', 'several_private_keys', ['vendor.pem', 'vendor.key', 'another.key', 'wwdr.pem', 'root.pem']],
  ])('is not made with a vendor certificate %s', async (_, code, names) => {
    expect(await codeOf(() => readVendorIdentity(vendorFile(...names), { now: NOW }))).toBe(code)
  })

  test('is not made with a vendor certificate before or after its time', async () => {
    const files = vendorFile('vendor.pem', 'vendor.key', 'wwdr.pem', 'root.pem')
    for (const year of [2020, 2090])
      expect(await codeOf(() => readVendorIdentity(files, { now: new Date(Date.UTC(year, 0)) }))).toBe('vendor_expired')
  })

  test('is not made with a push certificate in its place', async () => {
    expect(await codeOf(() => readVendorIdentity(authority.issue().pem, { now: NOW }))).toBe('vendor_is_push_certificate')
  })

  test('is made from PKCS#12 too, with its password alone', async () => {
    openssl(
      'pkcs12',
      '-export',
      '-in',
      'vendor.pem',
      '-inkey',
      'vendor.key',
      '-certfile',
      'wwdr.pem',
      '-out',
      'v.p12',
      '-passout',
      'pass:right',
    )
    const options = { now: NOW, password: 'right' }
    expect(await codeOf(() => readVendorIdentity(file('v.p12'), { ...options, password: 'wrong' }))).toBe('wrong_password')
    expect(await codeOf(() => readVendorIdentity(file('v.p12'), options))).toBe('vendor_chain_incomplete')
  })
})

describe('a request signed elsewhere', () => {
  const keep = (signed: Uint8Array | string) =>
    keepSignedRequest(deps(), { file: typeof signed === 'string' ? utf8(signed) : signed, vendor: 'elsewhere', actor: ACTOR })
  const plist = (members: Record<string, string>): string => writePlist(plistDict(members))
  const chain = () => ['vendor.pem', 'wwdr.pem', 'root.pem'].map((name) => file(name).toString()).join('')
  const fields = (csr: Uint8Array, hash = 'sha256') => ({
    PushCertRequestCSR: Buffer.from(csr).toString('base64'),
    PushCertCertificateChain: chain(),
    PushCertSignature: sign(hash, csr, createPrivateKey(file('vendor.key'))).toString('base64'),
  })

  test('is kept whatever dress it comes in, and names its vendor', async () => {
    const { csr } = await createPushRequest(deps(), WISH)
    const xml = plist(fields(csr))
    const base64 = Buffer.from(xml).toString('base64')
    for (const dressed of [xml, base64, base64.replace(/.{76}/g, '$&\r\n')]) {
      expect(await keep(dressed)).toEqual({ signedRequest: base64, vendorName: 'MDM Vendor: Example' })
    }
    expect(await requirePushRequest(database.store)).toMatchObject({ signedRequest: base64, vendor: 'elsewhere', signedAt: NOW })
    expect(await keep(plist(fields(csr, 'sha1')))).toMatchObject({ vendorName: 'MDM Vendor: Example' })
  })

  test('is refused for each fault by its own name', async () => {
    const { csr } = await createPushRequest(deps(), WISH)
    const good = fields(csr)
    const other = Buffer.from(csr)
    other[other.length - 1] = (other.at(-1) ?? 0) ^ 1
    expect(await codeOf(() => keep(plist({ ...good, PushCertSignature: fields(other).PushCertSignature })))).toBe(
      'signed_request_bad_signature',
    )
    expect(await codeOf(() => keep(plist({ ...good, PushCertCertificateChain: file('wwdr.pem').toString() })))).toBe(
      'signed_request_bad_signature',
    )
    expect(await codeOf(() => keep(plist(fields(other))))).toBe('signed_request_other_csr')
    for (const missing of Object.keys(good)) {
      const rest = Object.fromEntries(Object.entries(good).filter(([key]) => key !== missing))
      expect(await codeOf(() => keep(plist(rest)))).toBe('signed_request_malformed')
    }
    for (const nonsense of ['', 'nonsense!', '<plist', Buffer.from('nonsense').toString('base64'), 'A'.repeat(300_000)]) {
      expect(await codeOf(() => keep(nonsense))).toBe('signed_request_malformed')
    }
    expect((await requirePushRequest(database.store)).signedRequest).toBeNull()
  })

  test('is of no use when no request is under way', async () => {
    expect(await codeOf(() => keep('PHBsaXN0Pg=='))).toBe('no_request')
  })
})

describe('the way over mdmcert.download', () => {
  let service: Server
  let asked: { csr: string; email: string; key: string; encrypt: string }[]
  let answer: { status: number; body: string; location?: string }
  beforeEach(async () => {
    asked = []
    answer = { status: 200, body: '{"result":"success"}' }
    service = createServer((request, reply) => {
      let body = ''
      request.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk
      })
      request.on('end', () => {
        asked.push(JSON.parse(body))
        reply.writeHead(answer.status, answer.location === undefined ? {} : { location: answer.location }).end(answer.body)
      })
    })
    await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve))
  })
  afterEach(() => new Promise((resolve) => service.close(resolve)))
  const url = () => `http://127.0.0.1:${(service.address() as AddressInfo).port}/api/v1/signrequest`
  const send = () => sendToMdmcert({ ...deps(), url: url() }, { apiKey: 'OURS', actor: ACTOR })

  /** As the service does: signs, and encrypts the answer to the certificate that came with the request. */
  function mail(cipher: string, { csr, encrypt }: { csr: string; encrypt: string }): Buffer {
    writeFileSync(path('their.csr'), Buffer.from(csr, 'base64'))
    openssl('req', '-in', 'their.csr', '-outform', 'DER', '-out', 'their.der')
    writeFileSync(path('content'), signRequest(file('their.der'), vendor()))
    writeFileSync(path('to.pem'), Buffer.from(encrypt, 'base64'))
    const legacy = cipher === '-des' ? ['-provider', 'legacy', '-provider', 'default'] : []
    openssl('smime', '-encrypt', cipher, '-binary', '-outform', 'DER', ...legacy, '-in', 'content', '-out', 'mail.p7', 'to.pem')
    return file('mail.p7')
  }

  test.each(['-aes256', '-aes128', '-des3', '-des'])(
    'sends what it asks for, and opens its mail (%s), in hexadecimal, base64 or DER',
    async (cipher) => {
      const { csr } = await createPushRequest(deps(), WISH)
      expect(await send()).toEqual({ email: 'it@example.com' })
      expect(asked).toMatchObject([{ email: 'it@example.com', key: 'OURS' }])
      expect(Buffer.from(asked[0]?.csr ?? '', 'base64').toString()).toBe(requestPem(csr))
      const attachment = mail(cipher, asked[0] as (typeof asked)[number])
      for (const dress of [attachment, Buffer.from(attachment.toString('hex')), Buffer.from(attachment.toString('base64'))]) {
        const opened = await openMdmcertMail(deps(), { file: dress, actor: ACTOR })
        expect(opened).toMatchObject({ vendorName: 'MDM Vendor: Example' })
      }
      expect(await requirePushRequest(database.store)).toMatchObject({ vendor: 'mdmcert', sentAt: NOW, signedAt: NOW })
    },
  )

  test('opens the mail after a restart, and after sending once more', async () => {
    await createPushRequest(deps(), WISH)
    await send()
    const attachment = mail('-aes256', asked[0] as (typeof asked)[number])
    await send()
    expect(asked[1]?.encrypt).toBe(asked[0]?.encrypt)
    const again = { ...deps(), secrets: createSecretBox('the first secret of thirty-two characters') }
    expect(await openMdmcertMail(again, { file: attachment, actor: ACTOR })).toMatchObject({ vendorName: 'MDM Vendor: Example' })
  })

  test('tells a mail for somebody else, a cut one and nonsense apart', async () => {
    await createPushRequest(deps(), WISH)
    await send()
    const request = asked[0] as (typeof asked)[number]
    const strangers = mail('-aes256', { ...request, encrypt: Buffer.from(pemOf(makeMailKey(NOW).certificate)).toString('base64') })
    const open = (bytes: Uint8Array) => codeOf(() => openMdmcertMail(deps(), { file: bytes, actor: ACTOR }))
    expect(await open(strangers)).toBe('mail_not_for_us')
    expect(await open(mail('-aes256', request).subarray(0, 200))).toBe('mail_malformed')
    expect(await open(Buffer.from('Dear customer, …'))).toBe('mail_malformed')
    expect(await open(Buffer.alloc(2 * 1024 * 1024))).toBe('mail_malformed')
    expect(await open(signed())).toBe('mail_malformed')
  })

  const pemOf = (der: Uint8Array): string => new X509Certificate(der).toString()
  /** CMS, but signed and not encrypted. */
  const signed = (): Buffer => {
    writeFileSync(path('content'), 'content')
    openssl(
      'smime',
      '-sign',
      '-binary',
      '-outform',
      'DER',
      '-in',
      'content',
      '-signer',
      'vendor.pem',
      '-inkey',
      'vendor.key',
      '-out',
      'signed.p7',
    )
    return file('signed.p7')
  }

  test('a flipped bit of the ciphertext yields no signed request', async () => {
    const made = makeMailKey(NOW)
    await createPushRequest(deps(), WISH)
    await send()
    const attachment = mail('-aes256', {
      ...(asked[0] as (typeof asked)[number]),
      encrypt: Buffer.from(pemOf(made.certificate)).toString('base64'),
    })
    const { csr } = await requirePushRequest(database.store)
    const clear = decryptMail(attachment, made)
    expect(Buffer.from(clear).toString()).toBe(signRequest(csr, vendor()))
    attachment[attachment.length - 400] = (attachment.at(-400) ?? 0) ^ 1
    const code = await codeOf(() => keepSignedRequest(deps(), { file: decryptMail(attachment, made), vendor: 'mdmcert', actor: ACTOR }))
    expect(code).toMatch(/^signed_request_|^mail_/)
  })

  test('that refuses is quoted; one that is away, or points elsewhere, is not followed; nothing is marked as sent', async () => {
    await createPushRequest(deps(), WISH)
    answer = { status: 400, body: '{"result":"email not registered"}' }
    await expect(send()).rejects.toMatchObject({ code: 'mdmcert_refused', message: expect.stringContaining('email not registered') })
    answer = { status: 200, body: '{"result":"invalid key"}' }
    expect(await codeOf(send)).toBe('mdmcert_refused')
    answer = { status: 307, body: '', location: url() }
    expect(await codeOf(send)).toBe('mdmcert_unreachable')
    const away = { ...deps(), url: 'http://127.0.0.1:1/' }
    expect(await codeOf(() => sendToMdmcert(away, { apiKey: 'OURS', actor: ACTOR }))).toBe('mdmcert_unreachable')
    expect((await requirePushRequest(database.store)).sentAt).toBeNull()
  })

  test('sends nothing while no request is under way', async () => {
    expect(await codeOf(send)).toBe('no_request')
    expect(asked).toEqual([])
    expect(await codeOf(() => openMdmcertMail(deps(), { file: utf8('00'), actor: ACTOR }))).toBe('no_request')
  })
})

describe('Apple’s certificate for the request', () => {
  const read = async (bytes: string | Buffer) =>
    readPushCertificate(Buffer.from(bytes), { now: NOW, requestKey: await findRequestKey(deps()), strictIssuer: true })

  test('is joined with the key that waits here, installed, and the request is over', async () => {
    const { csr } = await createPushRequest(deps(), WISH)
    const pem = certify(csr)
    await installPushCertificate(deps(), await read(pem), { actor: ACTOR })
    const installed = await findInstalledPushCertificate(deps())
    expect(new X509Certificate(installed?.certificatePem ?? '').checkPrivateKey(createPrivateKey(installed?.keyPem ?? ''))).toBe(true)
    expect(await codeOf(() => requirePushRequest(database.store))).toBe('no_request')
    expect(await findRequestKey(deps())).toBeUndefined()
  })

  test('is taken as bare DER too', async () => {
    const { csr } = await createPushRequest(deps(), WISH)
    expect((await read(new X509Certificate(certify(csr)).raw)).topic).toBe(TOPIC)
  })

  test('for another request is refused', async () => {
    const { csr } = await createPushRequest(deps(), WISH)
    const pem = certify(csr)
    await discardPushRequest(deps(), ACTOR)
    expect(await codeOf(() => read(pem))).toBe('private_key_missing')
    await createPushRequest(deps(), WISH)
    expect(await codeOf(() => read(pem))).toBe('not_for_request')
  })

  test('from somebody else than Apple is refused, where that is looked at', async () => {
    const impostor = createPushAuthority('Apple Inc').issue()
    expect(await codeOf(() => readPushCertificate(impostor.pem, { now: NOW, strictIssuer: true }))).toBe('issuer_not_apple')
    expect(await codeOf(() => readPushCertificate(impostor.pem, { now: NOW }))).toBe('done')
  })

  test('in a file of its own key leaves the request under way as it is', async () => {
    await createPushRequest(deps(), WISH)
    await installPushCertificate(deps(), await read(authority.issue().pem), { actor: ACTOR })
    expect(await codeOf(() => requirePushRequest(database.store))).toBe('done')
  })
})
