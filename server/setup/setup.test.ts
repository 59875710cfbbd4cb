import 'reflect-metadata'
import { execFileSync } from 'node:child_process'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KeyUsageFlags } from '@peculiar/x509'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createProfileSigner } from '../../mdm/issuer.ts'
import { parsePlistDict } from '../../mdm/plist/parse-plist.ts'
import { arrayAt, dataAt, type PlistDict, stringAt } from '../../mdm/plist/value.ts'
import { type TestDatabase, testDatabase } from '../../test/support/postgres.ts'
import { pushDeskIn } from '../../test/support/push-desk.ts'
import { createAppleBusiness } from '../apple-business/create-apple-business.ts'
import { defaultPolicy } from '../policy/default-policy.ts'
import { createSecretBox } from '../secrets.ts'
import { createUser } from '../store/users.ts'
import { createSetup } from './create-setup.ts'
import type { SetupDeps } from './deps.ts'
import { createEcho } from './echo.ts'
import { createEgress } from './egress.ts'
import { findProfileSigner } from './profile-signer.ts'
import { type Authority, createAuthority, type Issued } from './testing/authority.ts'
import type { SetupDesk } from './views.ts'
import { setupWatchers } from './watchers.ts'

/** The set-up on a real database; OpenSSL is the judge of what was signed. */
const BY = 'user:usr_1' as const
const DAY_MS = 24 * 3600_000
let now: Date
let database: TestDatabase
let deps: SetupDeps
let desk: SetupDesk
let root: Authority
const folder = mkdtempSync(join(tmpdir(), 'setup-'))
const clock = { now: () => now }
const bytes = (...texts: string[]) => new TextEncoder().encode(texts.join('\n'))

beforeAll(async () => {
  database = await testDatabase()
  root = await createAuthority('Company root')
})
afterAll(async () => {
  rmSync(folder, { recursive: true })
  await database.drop()
})
beforeEach(async () => {
  now = new Date()
  const { store } = database
  for (const table of [store.macEvent, store.mac, store.auditEvent, store.serverTrustAnchor, store.wrappedKey] as {
    deleteMany(): Promise<unknown>
  }[]) {
    await table.deleteMany()
  }
  const secrets = createSecretBox('a secret of this test alone, long enough')
  const installation = { store, secrets, clock, organization: 'Example', publicUrl: 'https://espalier.invalid' }
  const nobody = () => Promise.reject(new Error('Apple is not asked here'))
  const own = await createProfileSigner({ organization: 'Example', now })
  const policy = { ...defaultPolicy({ mode: 'production', agentVersion: '1' }), pools: [{ name: 'studio', rules: {} }] }
  let links = 0
  deps = {
    ...{ ...installation, mode: 'production', secret: { source: 'environment', previous: 0 }, push: pushDeskIn(store) },
    appleBusiness: createAppleBusiness({ ...installation, trustAnchors: async () => [], connect: nobody }),
    ...{ policy: () => policy, ownSigner: async () => own, echo: createEcho(clock) },
    ...{ hosts: [], egress: createEgress({ clock, hosts: [] }) },
    invite: async () => ({ url: `https://espalier.invalid/enroll/${++links}`, expiresAt: new Date(now.getTime() + 7 * DAY_MS) }),
  }
  desk = createSetup(deps)
})

const audited = async () => (await database.store.auditEvent.findMany()).map(({ type }) => type).toSorted()
const refusal = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'taken',
    (error: { publicText?: string; code?: string }) => `${error.code}: ${error.publicText}`,
  )

/** What OpenSSL says of a signed profile: its content, where the signature holds under this root. */
function verify(signed: Uint8Array, anchor: string): string {
  const [der, pem] = [join(folder, 'profile.der'), join(folder, 'root.pem')]
  writeFileSync(der, signed)
  writeFileSync(pem, anchor)
  const options = ['cms', '-verify', '-inform', 'DER', '-in', der, '-CAfile', pem, '-purpose', 'any']
  return execFileSync('openssl', options, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
}

describe('the company’s own authority', () => {
  test('is taken as PEM and as DER, offered as a profile, and removed again', async () => {
    expect(await refusal(desk.trustProfile())).toMatch(/^conflict: No authority/)
    const { sha256 } = await desk.addAnchor(bytes(root.certificatePem), BY)
    expect(await refusal(desk.addAnchor(root.der, BY))).toMatch(/^conflict: This authority is listed already/)
    expect((await desk.readAddress({ again: false })).anchors).toMatchObject([{ sha256, subject: 'CN=Company root' }])

    const signed = await desk.trustProfile()
    const own = new X509Certificate((await deps.ownSigner()).certificate).toString()
    const profile = parsePlistDict(bytes(verify(signed, own)))
    if (!profile.ok) throw new Error(profile.detail)
    const [payload] = arrayAt(profile.value, 'PayloadContent') as PlistDict[]
    expect(payload && stringAt(payload, 'PayloadType')).toBe('com.apple.security.root')
    expect(payload && dataAt(payload, 'PayloadContent')).toEqual(root.der)

    await desk.removeAnchor(sha256, BY)
    expect(await refusal(desk.removeAnchor(sha256, BY))).toMatch(/^not_found/)
    expect(await audited()).toEqual(['server-trust.anchor-added', 'server-trust.anchor-removed'])
  })

  test('is refused, in words, where it is something else', async () => {
    const leaf = await root.issue({ name: 'server' })
    const intermediate = await root.authority('intermediate')
    const expired = await createAuthority('old', { isCa: true, notBefore: new Date('2020-01-01'), notAfter: new Date('2021-01-01') })
    const tries: [Uint8Array, RegExp][] = [
      [bytes('nothing'), /not one certificate/],
      [bytes(root.certificatePem, leaf.certificatePem), /not one certificate/],
      [Uint8Array.from([...root.der, 0]), /not one certificate/],
      [leaf.der, /belongs to a server or a person/],
      [intermediate.der, /intermediate authority/],
      [expired.der, /not valid now/],
    ]
    for (const [file, words] of tries) expect(await refusal(desk.addAnchor(file, BY))).toMatch(words)
    expect(await audited()).toEqual([])
  })

  test('ends at four', async () => {
    for (let index = 0; index < 4; index++) await desk.addAnchor((await createAuthority(`root ${index}`)).der, BY)
    expect(await refusal(desk.addAnchor(root.der, BY))).toMatch(/^conflict: There are 4/)
  })
})

describe('the signing identity', () => {
  /** As Keychain Access exports it. */
  function pkcs12({ certificatePem, keyPem }: Issued, chain: string, password: string): Uint8Array {
    const [cert, key] = [join(folder, 'c.pem'), join(folder, 'k.pem')]
    writeFileSync(cert, certificatePem + chain)
    writeFileSync(key, keyPem)
    return new Uint8Array(execFileSync('openssl', ['pkcs12', '-export', '-in', cert, '-inkey', key, '-passout', `pass:${password}`]))
  }

  test.each(['EC', 'RSA'] as const)('of %s is imported with its chain, signs, and is forgotten again', { timeout: 30_000 }, async (key) => {
    const intermediate = await root.authority('intermediate')
    const issued = await intermediate.issue({ name: 'IT of Example', key })
    const file = pkcs12(issued, intermediate.certificatePem + root.certificatePem, 'geheim')
    expect(await refusal(desk.importSigner({ file, password: 'wrong' }, BY))).toMatch(/password does not open/)
    expect(await desk.importSigner({ file, password: 'geheim' }, BY)).toMatchObject({ subject: 'CN=IT of Example' })
    expect((await desk.readSigner()).installed).toMatchObject({ verifiedBy: 'nobody', isExpired: false })
    await desk.addAnchor(root.der, BY)
    expect((await desk.readSigner()).installed?.verifiedBy).toBe('company')
    // The root alone verifies it: the intermediate came along.
    expect(verify(await desk.trustProfile(), root.certificatePem)).toContain('com.apple.security.root')

    const row = await database.store.wrappedKey.findUniqueOrThrow({ where: { name: 'company-profile-signer' } })
    const secret = createPrivateKey(issued.keyPem).export({ format: 'der', type: 'pkcs8' })
    expect(Buffer.from(row.envelope).includes(secret.subarray(-32))).toBe(false)
    await desk.removeSigner(BY)
    expect((await desk.readSigner()).installed).toBeNull()
    expect(await refusal(desk.removeSigner(BY))).toMatch(/^not_found/)
    expect(await audited()).toEqual(['profile-signer.installed', 'profile-signer.removed', 'server-trust.anchor-added'])
  })

  test('is refused, in words, where something is wrong with the file', async () => {
    const [one, other] = await Promise.all([root.issue({ name: 'one' }), root.issue({ name: 'other' })])
    const past = { notBefore: new Date('2020-01-01'), notAfter: new Date('2021-01-01') }
    const expired = await root.issue({ name: 'old', ...past })
    const encrypting = await root.issue({ name: 'enc', usages: KeyUsageFlags.keyEncipherment })
    const tries: [Uint8Array, RegExp][] = [
      [bytes('hello'), /neither PKCS#12 nor PEM/],
      [bytes(one.certificatePem), /no private key/],
      [bytes(one.certificatePem, one.keyPem, other.keyPem), /more than one private key/],
      [bytes(one.certificatePem, other.keyPem), /No certificate in this file belongs/],
      [bytes(root.certificatePem, root.keyPem), /certificate of an authority/],
      [bytes(expired.certificatePem, expired.keyPem), /expired on/],
      [bytes(encrypting.certificatePem, encrypting.keyPem), /does not allow digital signatures/],
    ]
    for (const [file, words] of tries) expect(await refusal(desk.importSigner({ file, password: undefined }, BY))).toMatch(words)
    expect(await audited()).toEqual([])
  })

  test('once it has expired signs no more, and an alert says so before', async () => {
    const issued = await root.issue({ name: 'short', notAfter: new Date(now.getTime() + 40 * DAY_MS) })
    await desk.importSigner({ file: bytes(issued.certificatePem, issued.keyPem), password: undefined }, BY)
    const [, watch] = setupWatchers(deps, { facts: async () => null })
    expect(await watch?.look()).toMatchObject([{ stage: 1, sentence: expect.stringContaining('expires in 40 days') }])
    expect(await findProfileSigner(deps)).toBeDefined()
    now = new Date(now.getTime() + 41 * DAY_MS)
    expect(await watch?.look()).toMatchObject([{ stage: 6, sentence: expect.stringContaining('has expired') }])
    expect(await findProfileSigner(deps)).toBeUndefined()
    expect((await desk.readSigner()).step.state).toBe('wrong')
  })
})

describe('the inventory', () => {
  const LIST = 'serial,name,pool,ring\nC02AAAAAAAA1,design-01,studio,early\nC02AAAAAAAA2,=cmd(),,\nC02AAAAAAAA2,=cmd(),,'

  test('is imported as previewed, with a timeline and an audit entry, and once only', async () => {
    expect(await desk.previewImport(LIST)).toMatchObject({ added: 2, known: 0, duplicates: 1, faultCount: 0 })
    const { added, importId } = await desk.importList({ text: LIST, expected: 2 }, BY)
    expect(added).toEqual(['C02AAAAAAAA1', 'C02AAAAAAAA2'])
    const macs = await database.store.mac.findMany({ orderBy: { serial: 'asc' }, include: { events: true } })
    expect(macs).toMatchObject([
      {
        serial: 'C02AAAAAAAA1',
        name: 'design-01',
        pool: 'studio',
        ring: 'early',
        events: [{ type: 'imported', detail: { importId, by: BY } }],
      },
      { serial: 'C02AAAAAAAA2', name: '=cmd()', pool: null, ring: 'all', events: [{ type: 'imported' }] },
    ])
    expect(await database.store.auditEvent.findMany()).toMatchObject([
      { type: 'inventory.imported', subject: importId, detail: { added: 2, pools: { studio: 1 } }, actor: BY },
    ])
    expect(await refusal(desk.importList({ text: LIST, expected: 2 }, BY))).toMatch(/^conflict: .*0 Macs of this list are new now/)
  })

  test('is not touched by a list with one faulty line', async () => {
    expect(await desk.previewImport(`${LIST}\nnope`)).toMatchObject({ added: 2, faultCount: 1 })
    expect(await refusal(desk.importList({ text: `${LIST}\nnope`, expected: 2 }, BY))).toMatch(/^invalid_request: Line 5: “nope”/)
    expect(await database.store.mac.count()).toBe(0)
  })

  test('keeps revoked Macs out, and says which', async () => {
    await desk.importList({ text: LIST, expected: 2 }, BY)
    await database.store.mac.updateMany({ where: { serial: 'C02AAAAAAAA1' }, data: { revokedAt: now } })
    const plan = await desk.previewImport(LIST)
    expect(plan).toMatchObject({ added: 0, known: 1, revoked: 1, revokedSerials: ['C02AAAAAAAA1'], knownSerials: ['C02AAAAAAAA2'] })
  })

  test('of 10,000 Macs comes in at once, and goes out as CSV that comes in again', { timeout: 60_000 }, async () => {
    const lines = Array.from({ length: 10_000 }, (_, index) => `C02${String(index).padStart(9, '0')},mac-${index}`)
    const began = performance.now()
    expect((await desk.importList({ text: lines.join('\n'), expected: 10_000 }, BY)).added).toHaveLength(10_000)
    expect(performance.now() - began).toBeLessThan(30_000)
    const { csv, macs } = await desk.exportInventory(BY)
    expect(macs).toBe(10_000)
    expect(await desk.previewImport(csv)).toMatchObject({ added: 0, known: 10_000, faultCount: 0 })
    expect(await audited()).toEqual(['inventory.exported', 'inventory.imported'])
  })

  test('goes out without a formula in it', async () => {
    await desk.importList({ text: LIST, expected: 2 }, BY)
    const { csv } = await desk.exportInventory(BY)
    expect(csv).toContain("\r\nC02AAAAAAAA2,'=cmd(),")
  })

  test('gets links for its own Macs alone: not for strangers, the revoked or the enrolled', async () => {
    await desk.importList({ text: `${LIST}\nC02AAAAAAAA3\nC02AAAAAAAA4`, expected: 4 }, BY)
    await database.store.mac.updateMany({ where: { serial: 'C02AAAAAAAA3' }, data: { revokedAt: now } })
    const enrolled = await database.store.mac.findUniqueOrThrow({ where: { serial: 'C02AAAAAAAA4' } })
    const times = { linkExpiresAt: now, createdAt: now, enrolledAt: now }
    await database.store.enrollment.create({
      data: { id: 'E-1', macId: enrolled.id, state: 'enrolled', linkHash: new Uint8Array(32), accessRights: 1, ...times },
    })
    const serials = ['C02AAAAAAAA1', 'C02AAAAAAAA2', 'C02AAAAAAAA2', 'C02AAAAAAAA3', 'C02AAAAAAAA4', 'C02AAAAAAAA9']
    const made = await desk.inviteMany({ serials, hasHead: true }, BY)
    expect(made).toMatchObject({
      links: 2,
      skipped: [
        { serial: 'C02AAAAAAAA3', why: 'revoked' },
        { serial: 'C02AAAAAAAA4', why: 'enrolled' },
        { serial: 'C02AAAAAAAA9', why: 'unknown' },
      ],
    })
    expect(made.csv.split('\r\n').map((line) => line.split(',').slice(0, 2))).toEqual([
      ['serial', 'link'],
      ['C02AAAAAAAA1', 'https://espalier.invalid/enroll/1'],
      ['C02AAAAAAAA2', 'https://espalier.invalid/enroll/2'],
      [''],
    ])
    expect(await database.store.mac.count()).toBe(4)
    await database.store.enrollment.deleteMany()
  })
})

describe('the set-up as a whole', () => {
  test('is judged by what is really there', async () => {
    const owner = { email: 'owner@example.com', name: 'O', role: 'owner', passwordHash: null, createdAt: now } as const
    await createUser(database.store, owner)
    const { steps, left, mode } = await desk.read()
    const state = Object.fromEntries(steps.map((step) => [step.id, step.state]))
    expect(mode).toBe('production')
    expect(state).toEqual({
      ...{ 'public-address': 'wrong', 'server-trust': 'todo', secret: 'done', people: 'todo', push: 'todo', egress: 'done' },
      ...{ inventory: 'todo', 'apple-business': 'todo', signer: 'todo', migration: 'not-needed', 'first-mac': 'todo' },
    })
    expect(left).toBe(6)
    expect(steps[0]?.sentence).toBe('No address is known for espalier.invalid.')
  })

  test('raises an alert about an address that nobody reaches for a while, and none about one that blinked', async () => {
    const bad = { checkedAt: now, addresses: [], certificate: null, fault: { code: 'no_address' as const, detail: 'x' } }
    let seen: typeof bad | null = bad
    const [watch] = setupWatchers(deps, { facts: async () => seen })
    const later = async (ms: number) => {
      now = new Date(now.getTime() + ms)
      return watch?.look()
    }
    expect(await later(0)).toEqual([])
    seen = null
    expect(await later(60_000)).toEqual([])
    seen = bad
    expect(await later(60_000)).toEqual([])
    expect(await later(90_000)).toMatchObject([
      { kind: 'public-address', severity: 'critical', sentence: expect.stringContaining('espalier.invalid') },
    ])
  })
})
