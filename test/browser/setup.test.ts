import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { request as requestPlain } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Authority, createAuthority, type Issued } from '../../server/setup/testing/authority.ts'
import { type Appliance, startAppliance } from '../journeys/support/appliance.ts'
import { espalier } from '../journeys/support/cli.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { createPushAuthority } from '../support/push-certificates.ts'
import { expectAccessible, picture, SCREENSHOTS } from './support/page.ts'

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
const hasChromium = existsSync(CHROMIUM)
if (!hasChromium) console.log(`skipped: the set-up in a browser (no Chromium at ${CHROMIUM}; set CHROMIUM)`)

/** Production, behind a proxy that ends TLS under a certificate of the company's own authority: nothing of it is pretended. */
let scratch: string
let database: TestDatabase
let root: Authority
let proxy: Server
let appliance: Appliance
let browser: Browser
let page: Page
const complaints: string[] = []

const keys = () => ({
  ESPALIER_MODE: 'production',
  ESPALIER_SECRET: 'QmV0d2VlbiB0aGUgd2FsbCBhbmQgdGhlIHRyZWUh',
  DATABASE_URL: database.url,
})

/** Ends TLS and hands on what comes, once there is something to hand it to. */
async function startProxy({ certificatePem, keyPem }: Issued): Promise<number> {
  proxy = createServer({ cert: certificatePem, key: keyPem }, (request, response) => {
    const { pathname, search } = new URL(request.url ?? '/', 'http://localhost')
    const to = new URL(pathname + search, appliance.localUrl)
    const onward = requestPlain(to, { method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    onward.on('error', () => response.destroy())
    request.pipe(onward)
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => proxy.once('listening', resolve))
  return (proxy.address() as AddressInfo).port
}

beforeAll(async () => {
  if (!hasChromium) return
  mkdirSync(SCREENSHOTS, { recursive: true })
  scratch = await mkdtemp(join(tmpdir(), 'espalier-'))
  database = await testDatabase()
  root = await createAuthority('Example Company Root')
  await writeFile(join(scratch, 'root.pem'), root.certificatePem)
  const port = await startProxy(await root.issue({ name: 'localhost', hosts: ['localhost'] }))
  appliance = await startAppliance({
    env: { ...keys(), ESPALIER_PUBLIC_URL: `https://localhost:${port}`, ESPALIER_HOST: '127.0.0.1', ESPALIER_TRUSTED_PROXIES: '127.0.0.1' },
  })
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
  const context = await browser.newContext({
    ...{ viewport: { width: 1440, height: 900 }, baseURL: appliance.url, colorScheme: 'light', reducedMotion: 'reduce' },
    ignoreHTTPSErrors: true,
  })
  page = await context.newPage()
  page.setDefaultTimeout(20_000)
  page.on('console', (message) => (message.type() === 'error' ? complaints.push(message.text()) : undefined))
  page.on('pageerror', (error) => complaints.push(error.message))
}, 240_000)

afterAll(async () => {
  await browser?.close()
  await appliance?.close()
  proxy?.closeAllConnections()
  proxy?.close()
  await database?.drop()
  if (scratch !== undefined) await rm(scratch, { recursive: true, force: true })
}, 60_000)

/** Chooses a button that gives a file, and reads it. */
async function downloaded(button: string): Promise<Buffer> {
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: button }).click()])
  return readFile(await file.path())
}

const step = (title: string) => page.getByRole('listitem').filter({ hasText: title })

describe.skipIf(!hasChromium)('the set-up, in Chromium', { timeout: 90_000 }, () => {
  test('the overview says how much is left, and leads there', async () => {
    await page.goto('/signin?next=/')
    await page.getByLabel('Email').fill(appliance.adminEmail)
    await page.getByLabel('Password').fill(appliance.adminPassword)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText(/^\d steps of the set-up are left/).waitFor()
    await expectAccessible(page)
    await picture(page, 'overview-setup')
    await page.getByRole('link', { name: 'Go on' }).click()
    await page.waitForURL('**/setup')
  })

  test('every step is judged, and says what to do', async () => {
    await step('Public address').getByText(`This appliance answers itself at ${appliance.url}.`).waitFor()
    await step('Trust in the server').getByText('which Macs do not know by themselves').waitFor()
    await step('Push certificate').getByText('No push certificate is installed').waitFor()
    await step('People who administer').getByText('One person alone administers').waitFor()
    await expectAccessible(page)
    await picture(page, 'setup')
  })

  test('the company’s own authority is listed, the address is looked at again, and the trust profile is given', async () => {
    await page.goto('/setup/address')
    await page.getByText('Under an authority that Macs do not know').waitFor()
    await expectAccessible(page)
    await page.getByLabel('Root certificate').setInputFiles({ name: 'x.pem', mimeType: 'text/plain', buffer: Buffer.from('nothing') })
    await page.getByRole('button', { name: 'List this authority' }).click()
    await page.getByText('This is not one certificate in PEM or DER').waitFor()
    await page.getByLabel('Root certificate').setInputFiles(join(scratch, 'root.pem'))
    await page.getByRole('button', { name: 'List this authority' }).click()
    await page.getByText('Listed: CN=Example Company Root.').waitFor()
    // The appliance looks again at most every few seconds.
    await page.waitForTimeout(3_000)
    await page.getByRole('button', { name: 'Look again' }).click()
    await page.getByText('Under the company’s own authority').waitFor()
    await expectAccessible(page)
    await picture(page, 'setup-address')
    const profile = await downloaded('Download the trust profile')
    expect(profile.includes(Buffer.from('com.apple.security.root'))).toBe(true)
  })

  test('the company’s certificate takes over the signing, once its password is right', async () => {
    const issued = await root.issue({ name: 'Example IT', key: 'RSA' })
    await writeFile(join(scratch, 'signer.pem'), issued.certificatePem + issued.keyPem)
    const p12 = join(scratch, 'signer.p12')
    execFileSync('openssl', ['pkcs12', '-export', '-in', join(scratch, 'signer.pem'), '-out', p12, '-passout', 'pass:right'])
    await page.goto('/setup/signer')
    await page.getByText('macOS shows them as unverified').waitFor()
    await page.getByLabel('Certificate with its key').setInputFiles(p12)
    await page.getByLabel('Password').fill('wrong')
    await page.getByRole('button', { name: 'Import the certificate' }).click()
    await page.getByText('The password does not open this file').waitFor()
    await page.getByLabel('Password').fill('right')
    await page.getByRole('button', { name: 'Import the certificate' }).click()
    await page.getByText('CN=Example IT signs from now on.').waitFor()
    await page.getByText('verified, where the company’s authority is trusted').waitFor()
    await expectAccessible(page)
    await picture(page, 'setup-signer')
  })

  test('each outside host is tried, and each result said in words', async () => {
    await page.goto('/setup/egress')
    await page.getByText('Not yet').first().waitFor()
    await page.getByRole('button', { name: 'Try now' }).click()
    await page.getByText('Not yet').first().waitFor({ state: 'detached' })
    expect(await page.getByRole('cell', { name: /^(Reached|Not reached)/ }).count()).toBe(3)
    await page.getByRole('button', { name: 'Try now' }).click()
    await page.getByText('This was tried a moment ago.').waitFor()
    await expectAccessible(page)
    await picture(page, 'setup-egress')
  })

  test('the ways from another MDM are told, and a profile is made for one that stays there', async () => {
    await page.goto('/setup/migration')
    await page.getByText('Apple Business names no Mac that is to move here.').waitFor()
    await page.getByLabel('Serial number').fill('c02other0001')
    expect((await downloaded('Make the profile')).toString()).toContain('com.apple.security.acme')
    await page.getByText('c02other0001.mobileconfig was made').or(page.getByText('C02OTHER0001.mobileconfig was made')).waitFor()
    await expectAccessible(page)
    await picture(page, 'setup-migration')
  })

  test('a list is looked at, mended, imported, and turned into links once there is a push certificate', async () => {
    await page.goto('/macs/import')
    await page.getByLabel('Macs', { exact: false }).first().fill('serial,name\nC02AAAAAAAA1,design-01\nnope,x\nC02AAAAAAAA2,design-02\n')
    await page.getByRole('button', { name: 'Look at the list' }).click()
    await page.getByText('“nope” is no serial number').waitFor()
    expect(await page.getByRole('button', { name: 'Import 2 Macs' }).isDisabled()).toBe(true)
    await expectAccessible(page)
    await picture(page, 'import-faults')
    await page.getByRole('textbox', { name: 'Macs' }).fill('serial,name\nC02AAAAAAAA1,design-01\nC02AAAAAAAA2,design-02\n')
    await page.getByRole('button', { name: 'Look at the list' }).click()
    await page.getByText('No faults').waitFor()
    await expectAccessible(page)
    await picture(page, 'import')
    await page.getByRole('button', { name: 'Import 2 Macs' }).click()
    await page.getByText('2 Macs were entered into the inventory.').waitFor()
    await page.getByRole('button', { name: 'Make 2 links' }).click()
    await page.getByText('No Mac can be invited: no Apple push certificate is installed').waitFor()
    await writeFile(join(scratch, 'push.pem'), createPushAuthority().issue().pem)
    expect((await espalier(['push', 'import', join(scratch, 'push.pem'), '--json'], keys())).code).toBe(0)
    await page.getByRole('button', { name: 'Make 2 links' }).click()
    await page.getByText('2 of 2 links were made.').waitFor()
    await expectAccessible(page)
    await picture(page, 'import-links')
    const links = (await downloaded('Download the links')).toString().trim().split('\r\n')
    expect(links.map((line) => line.split(',')[0])).toEqual(['serial', 'C02AAAAAAAA1', 'C02AAAAAAAA2'])

    const url = links[1]?.split(',')[1] ?? ''
    const answer = await fetch(new URL(new URL(url).pathname, appliance.localUrl))
    const profile = Buffer.from(await answer.arrayBuffer())
    // Signed by the company's certificate, and telling the Mac to trust the company's authority from here on.
    await writeFile(join(scratch, 'profile.der'), profile)
    const options = ['cms', '-verify', '-inform', 'DER', '-in', join(scratch, 'profile.der'), '-CAfile', join(scratch, 'root.pem')]
    const content = execFileSync('openssl', [...options, '-purpose', 'any'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    expect(content).toContain('com.apple.security.root')
  })

  test('the inventory goes out as it came in', async () => {
    await page.goto('/macs/import')
    const csv = (await downloaded('Export the inventory')).toString()
    expect(csv).toContain('C02AAAAAAAA1,design-01,,all,')
    await page.getByRole('textbox', { name: 'Macs' }).fill(csv)
    await page.getByRole('button', { name: 'Look at the list' }).click()
    await page.getByText('Nothing in this list is new.').waitFor()
    // For a list that stands there already, links are made again.
    await page.getByRole('button', { name: 'Make 3 links' }).waitFor()
    await expectAccessible(page)
  })

  test('what was done shows as done, in the dark too', async () => {
    await page.emulateMedia({ colorScheme: 'dark' })
    await page.goto('/setup')
    await step('Trust in the server').getByText('comes from the company’s own authority').waitFor()
    await step('Inventory').getByText('3 Macs stand in it.').waitFor()
    await expectAccessible(page)
    await picture(page, 'setup-dark')
    for (const [path, name] of [
      ['/setup/address', 'setup-address-dark'],
      ['/setup/migration', 'setup-migration-dark'],
      ['/setup/egress', 'setup-egress-dark'],
    ] as const) {
      await page.goto(path)
      await page.getByRole('heading', { level: 1 }).waitFor()
      await page.waitForLoadState('networkidle')
      await expectAccessible(page)
      await picture(page, name)
    }
    expect(complaints.filter((complaint) => !/\b(400|409|429)\b/.test(complaint))).toEqual([])
  })
})
