import { execFileSync } from 'node:child_process'
import { createPublicKey } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { espalier } from '../../test/journeys/support/cli.ts'
import { type TestDatabase, testDatabase } from '../../test/support/postgres.ts'
import { createPushAuthority, OTHER_TOPIC, TOPIC } from '../../test/support/push-certificates.ts'

const SECRET = 'QmV0d2VlbiB0aGUgd2FsbCBhbmQgdGhlIHRyZWUh'
const authority = createPushAuthority()
let dir: string
let database: TestDatabase

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'espalier-push-'))
  database = await testDatabase()
  const encrypted = authority.issue({ commonName: 'encrypted' })
  const encryptedKey = encrypted.key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'correct horse' })
  const files = {
    'push.pem': authority.issue().pem,
    'encrypted.pem': encrypted.certificate + encryptedKey,
    password: 'correct horse\n',
    'other.pem': authority.issue({ topic: OTHER_TOPIC }).pem,
    'expired.pem': authority.issue({ notAfter: new Date(Date.now() - 1000) }).pem,
    'without-key.pem': authority.issue().certificate,
    'impostor.pem': createPushAuthority('Somebody Else').issue().pem,
    garbage: 'garbage',
  }
  for (const [name, content] of Object.entries(files)) await writeFile(join(dir, name), content)
})

afterAll(async () => {
  await database.drop()
  await rm(dir, { recursive: true })
})

const openssl = (...args: string[]): string =>
  execFileSync('openssl', args, { cwd: dir, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
const environment = () => ({ ESPALIER_MODE: 'production', DATABASE_URL: database.url, ESPALIER_SECRET: SECRET })

/** `espalier push … --json` as a process of its own; names of files are those of `dir`. */
async function push(argv: string[], env: Record<string, string> = environment()) {
  const { code, stdout, stderr } = await espalier(['push', ...argv, '--json'], env)
  expect(stdout + stderr).not.toMatch(/\n {4}at /)
  expect(stdout).not.toContain('PRIVATE KEY')
  return { exit: code, answer: JSON.parse(stdout) as Record<string, unknown> }
}
const importing = (file: string, ...more: string[]) => push(['import', join(dir, file), ...more])

describe('espalier push', { timeout: 60_000 }, () => {
  test('imports, shows and renews, and refuses a topic that enrolled Macs do not answer to', { timeout: 60_000 }, async () => {
    expect(await push(['status'])).toMatchObject({ exit: 10, answer: { code: 'not_installed' } })
    expect(await importing('push.pem')).toMatchObject({ exit: 0, answer: { code: 'installed', topic: TOPIC, replaced: null } })
    expect(await push(['status'])).toMatchObject({ exit: 0, answer: { code: 'in_force', topic: TOPIC, daysLeft: 364 } })
    const now = new Date()
    await database.store.mac.create({ data: { id: 'mac', serial: 'C02AAA', addedAt: now } })
    const enrollment = { id: 'E', macId: 'mac', state: 'enrolled', topic: TOPIC, linkHash: Buffer.from('E') } as const
    await database.store.enrollment.create({ data: { ...enrollment, linkExpiresAt: now, createdAt: now } })
    const refused = await importing('other.pem')
    expect(refused).toMatchObject({ exit: 10, answer: { code: 'other_topic', message: expect.stringContaining('1 enrolled Mac') } })
    const confirmed = (macs: string) => importing('other.pem', '--lose-macs', macs)
    expect(await confirmed('2')).toMatchObject({ exit: 10, answer: { code: 'wrong_confirmation', macsLost: 1 } })
    const renewed = await importing('encrypted.pem', '--password-file', join(dir, 'password'))
    expect(renewed).toMatchObject({ exit: 0, answer: { code: 'renewed', replaced: expect.stringMatching(/^[0-9a-f]{64}$/) } })
    const { code, stdout } = await espalier(['push', 'status'], environment())
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^push certificate {2}in force, 364 days left\ntopic +com\.apple\.mgmt/)])
  })

  test.each([
    ['an expired certificate', 10, 'expired', ['import', 'expired.pem']],
    ['a certificate without its key', 30, 'private_key_missing', ['import', 'without-key.pem']],
    ['an encrypted key without its password', 30, 'wrong_password', ['import', 'encrypted.pem']],
    ['garbage', 30, 'not_a_key_file', ['import', 'garbage']],
    ['a certificate that Apple did not issue', 10, 'issuer_not_apple', ['import', 'impostor.pem']],
    ['no request under way', 10, 'no_request', ['request']],
    ['half a name', 30, 'bad_option', ['request', '--email', 'it@example.com']],
    ['two ways of signing', 30, 'bad_option', ['vendor-sign', '--own', 'a', '--signed', 'b']],
    ['no way of signing', 30, 'bad_option', ['vendor-sign', '--out', 'a']],
    ['a number of Macs that is none', 30, 'bad_option', ['import', 'push.pem', '--lose-macs', 'all']],
    ['another verb’s option', 30, 'bad_option', ['status', '--discard']],
    ['a file that is not there', 30, 'unreadable_file', ['import', 'absent']],
    ['a directory', 30, 'unreadable_file', ['import', '.']],
    ['no file', 30, 'bad_option', ['import']],
    ['another verb', 30, 'bad_option', ['remove']],
    ['an unknown option', 30, 'bad_option', ['status', '--all']],
  ])('%s exits with %i', async (_, exit, code, [verb = '', file, ...more]) => {
    const where = file === undefined || file.startsWith('--') ? file : join(dir, file)
    const { answer, ...rest } = await push([verb, ...(where === undefined ? [] : [where]), ...more])
    expect({ ...rest, answer }).toMatchObject({ exit, answer: { code, exitCode: exit } })
  })

  test('makes a request, has it signed by the customer’s own vendor certificate, and imports what Apple gives for it', async () => {
    const name = ['--organization', 'Example AG', '--email', 'it@example.com']
    const made = await push(['request', ...name, '--out', join(dir, 'request.pem')])
    expect(made).toMatchObject({ exit: 0, answer: { code: 'created', organization: 'Example AG' } })
    expect(await push(['request', ...name])).toMatchObject({ exit: 10, answer: { code: 'request_pending' } })
    expect(await push(['request'])).toMatchObject({ exit: 0, answer: { code: 'pending', isSigned: false } })
    openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      'v.key',
      '-out',
      'v.crt',
      '-subj',
      '/CN=MDM Vendor: Example',
      '-days',
      '9',
    )
    await writeFile(join(dir, 'vendor.pem'), (await readFile(join(dir, 'v.crt'), 'utf8')) + (await readFile(join(dir, 'v.key'), 'utf8')))
    const signed = await push(['vendor-sign', '--own', join(dir, 'vendor.pem'), '--out', join(dir, 'upload.txt')])
    expect(signed).toMatchObject({ exit: 0, answer: { code: 'signed', vendor: 'MDM Vendor: Example' } })
    const again = await push(['vendor-sign', '--signed', join(dir, 'upload.txt')])
    expect(again).toMatchObject({ exit: 0, answer: { code: 'signed', signedRequest: signed.answer.signedRequest } })
    const publicKey = createPublicKey(openssl('req', '-in', 'request.pem', '-noout', '-pubkey', '-verify'))
    await writeFile(join(dir, 'apple.pem'), authority.issue({ publicKey, commonName: 'from Apple' }).certificate)
    expect(await importing('apple.pem')).toMatchObject({ exit: 0, answer: { topic: TOPIC } })
    expect(await push(['request'])).toMatchObject({ exit: 10, answer: { code: 'no_request' } })
  })

  test('discards a request, and says where mdmcert.download cannot be reached', async () => {
    await push(['request', '--organization', 'Example AG', '--email', 'it@example.com'])
    await writeFile(join(dir, 'api-key'), 'OURS\n')
    const sending = push(['vendor-sign', '--mdmcert-key-file', join(dir, 'api-key')], {
      ...environment(),
      ESPALIER_MDMCERT_URL: 'https://127.0.0.1:1/api',
    })
    expect(await sending).toMatchObject({ exit: 10, answer: { code: 'mdmcert_unreachable' } })
    expect(await push(['vendor-sign', '--mail', join(dir, 'garbage')])).toMatchObject({ answer: { code: 'mail_malformed' } })
    expect(await push(['request', '--discard'])).toMatchObject({ exit: 0, answer: { code: 'discarded' } })
  })

  test('in evaluation mode says that the software Apple brings its own', async () => {
    const { exit, answer } = await push(['import', join(dir, 'push.pem')], {})
    expect([exit, answer.code]).toEqual([20, 'evaluation_mode'])
    expect(answer.message).toContain('software Apple')
  })

  test('names what its configuration lacks, and only what it needs', async () => {
    const { exit, answer } = await push(['status'], { ESPALIER_MODE: 'production' })
    const faults = (answer.faults as { variable: string }[]).map(({ variable }) => variable)
    expect([exit, answer.code, faults.toSorted()]).toEqual([1, 'configuration', ['DATABASE_URL', 'ESPALIER_SECRET']])
  })

  test('with another secret than the appliance’s, or without its database, changes nothing and says why', async () => {
    const otherSecret = { ...environment(), ESPALIER_SECRET: 'c29tZXRoaW5nIGVsc2UgZW50aXJlbHkgZGlmZg' }
    await importing('push.pem')
    expect(await push(['status'], otherSecret)).toMatchObject({ exit: 1, answer: { code: 'secret' } })
    const elsewhere = { ...environment(), DATABASE_URL: 'postgresql://nobody:x@127.0.0.1:1/none' }
    expect(await push(['import', join(dir, 'push.pem')], elsewhere)).toMatchObject({ exit: 1, answer: { code: 'database' } })
    const empty = { ...environment(), DATABASE_URL: database.url.replace(/\/[^/?]+($|\?)/, '/postgres$1') }
    expect(await push(['status'], empty)).toMatchObject({
      exit: 1,
      answer: { code: 'database', message: expect.stringContaining('started on it once') },
    })
  })
})
