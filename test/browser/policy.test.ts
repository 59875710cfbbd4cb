import { existsSync, mkdirSync } from 'node:fs'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hashPassword } from '../../server/auth/passwords.ts'
import { type Appliance, startAppliance, untilTrusted } from '../journeys/support/appliance.ts'
import { query } from '../journeys/support/database.ts'
import { expectAccessible, picture, SCREENSHOTS, signIn } from './support/page.ts'

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
const hasChromium = existsSync(CHROMIUM)
if (!hasChromium) console.log(`skipped: the policy in a browser (no Chromium at ${CHROMIUM}; set CHROMIUM)`)

const KATHERINE = { email: 'katherine@example.com', name: 'Katherine Johnson', password: 'a trajectory by hand' }

let appliance: Appliance
let browser: Browser
let owner: Page
let katherine: Page
const complaints: string[] = []

beforeAll(async () => {
  if (!hasChromium) return
  mkdirSync(SCREENSHOTS, { recursive: true })
  appliance = await startAppliance()
  await untilTrusted(appliance, 2)
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
  owner = await (await person()).newPage()
  katherine = await (await person()).newPage()
  for (const page of [owner, katherine]) {
    page.setDefaultTimeout(20_000)
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(String(error)))
  }
}, 240_000)

afterAll(async () => {
  await browser?.close()
  await appliance?.close()
}, 60_000)

const person = (): Promise<BrowserContext> =>
  browser.newContext({ viewport: { width: 1440, height: 900 }, baseURL: appliance.url, colorScheme: 'light', reducedMotion: 'reduce' })

describe.skipIf(!hasChromium)('the policy, in Chromium', { timeout: 90_000 }, () => {
  let proposal = ''

  test('is read as sentences', async () => {
    await signIn(owner, { email: appliance.adminEmail, password: appliance.adminPassword }, '/policy')
    await owner.getByText('FileVault must be on.').waitFor()
    await owner.getByText(/^Version 1/).waitFor()
    await expectAccessible(owner)
    await picture(owner, 'policy')
  })

  test('a change is measured over the fleet before it can be proposed', async () => {
    await query(
      appliance,
      `INSERT INTO "User" (id, email, name, role, "passwordHash", "createdAt")
       VALUES ('usr_katherine00000000', '${KATHERINE.email}', '${KATHERINE.name}', 'security', '${await hashPassword(KATHERINE.password)}', now())`,
    )
    await owner.getByRole('link', { name: 'Propose a change' }).click()
    await owner.waitForURL('**/policy/edit')
    await owner.getByLabel('Oldest macOS').fill('99.0')
    expect(await owner.getByRole('button', { name: 'Propose', exact: true }).count()).toBe(0)
    await owner.getByRole('button', { name: 'Look at the impact' }).click()
    await owner.getByText(/^2 of 2 Macs would lose trust/).waitFor()
    await expectAccessible(owner)
    await picture(owner, 'policy-impact')
  })

  test('a waiver is asked for with a reason and an end, and it lowers trust', async () => {
    await owner.getByLabel('Oldest macOS').fill('14.2')
    await owner.getByLabel('What is excused').selectOption({ label: 'FileVault is off.' })
    await owner.getByLabel('Why, and what stands in its place').fill('The lab’s disks are encrypted otherwise.')
    await owner.getByRole('button', { name: 'Add the waiver' }).click()
    await owner.getByRole('button', { name: 'Look at the impact' }).click()
    await owner.getByText('It lowers trust: another person must approve it').waitFor()
    await owner.getByLabel(/^Why\s*Whoever/).fill('Asked for by the lab.')
    await owner.getByRole('button', { name: 'Propose', exact: true }).click()
    await owner.waitForURL('**/policy/versions/*')
    proposal = new URL(owner.url()).pathname
    await owner.getByText('It lowers trust and you proposed it, so another person must approve it.').waitFor()
    expect(await owner.getByRole('button', { name: 'Approve…' }).count()).toBe(0)
    await expectAccessible(owner)
    await picture(owner, 'policy-proposal')
  })

  test('another person looks at the impact, approves it, and the waiver is in force and shown', async () => {
    await signIn(katherine, KATHERINE, proposal)
    await katherine.getByRole('button', { name: 'Look at the impact now' }).click()
    await katherine
      .getByText(/^None of 2 Macs would gain or lose trust/)
      .first()
      .waitFor()
    await katherine.getByRole('button', { name: 'Approve…' }).click()
    await expectAccessible(katherine)
    await picture(katherine, 'policy-approve')
    await katherine.getByRole('button', { name: 'Put it in force' }).click()
    await katherine.getByText('In force', { exact: true }).first().waitFor()
    await katherine.goto('/policy?tab=waivers')
    await katherine.getByText('The waiver of “FileVault is off” for every Mac.').waitFor()
    await katherine.getByText(/approved by Katherine Johnson/).waitFor()
    await expectAccessible(katherine)
    await picture(katherine, 'policy-waivers')
    await katherine.goto('/')
    await katherine.getByRole('link', { name: '1 waiver is in force' }).waitFor()
    await expectAccessible(katherine)
  })

  test('every Mac’s page tells that it was judged by the new version, and shows the waiver', async () => {
    await owner.goto('/macs')
    await owner.getByRole('row').filter({ hasText: 'ESPSIM000001' }).getByRole('link').first().click()
    await owner.waitForURL('**/macs/mac_*')
    await owner.getByText('Still trusted under policy version 2').first().waitFor()
    await owner.getByText('The waiver of “FileVault is off” for every Mac.').waitFor()
    await owner.getByRole('link', { name: 'Policy version 2' }).first().waitFor()
    await expectAccessible(owner)
    await owner.emulateMedia({ colorScheme: 'dark' })
    await owner.goto('/policy?tab=versions')
    await owner.getByRole('link', { name: 'Version 2' }).waitFor()
    await expectAccessible(owner)
    await picture(owner, 'policy-versions-dark')
    expect(complaints.filter((complaint) => !complaint.includes('401'))).toEqual([])
  })
})
