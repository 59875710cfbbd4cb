import { existsSync, mkdirSync } from 'node:fs'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Appliance, startAppliance, untilTrusted } from '../journeys/support/appliance.ts'
import { expectAccessible, picture, SCREENSHOTS } from './support/page.ts'

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
const hasChromium = existsSync(CHROMIUM)
if (!hasChromium) console.log(`skipped: the console in a browser (no Chromium at ${CHROMIUM}; set CHROMIUM)`)

let appliance: Appliance
let browser: Browser
let context: BrowserContext
let page: Page
const complaints: string[] = []

beforeAll(async () => {
  if (!hasChromium) return
  mkdirSync(SCREENSHOTS, { recursive: true })
  appliance = await startAppliance()
  await untilTrusted(appliance, 2)
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
  context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    baseURL: appliance.url,
    colorScheme: 'light',
    reducedMotion: 'reduce',
  })
  page = await context.newPage()
  page.setDefaultTimeout(20_000)
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(String(error)))
}, 240_000)

afterAll(async () => {
  await browser?.close()
  await appliance?.close()
}, 60_000)

describe.skipIf(!hasChromium)('the console, in Chromium', { timeout: 90_000 }, () => {
  test('sends whoever is not signed in to the sign-in page, and refuses a wrong password in words', async () => {
    await page.goto('/macs')
    expect(new URL(page.url()).pathname).toBe('/signin')
    await page.getByLabel('Email').fill(appliance.adminEmail)
    await page.getByLabel('Password').fill('not the password')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page
      .getByRole('alert')
      .filter({ hasText: /password/i })
      .waitFor()
    await expectAccessible(page)
    await picture(page, 'signin')
  })

  test('signs in and comes back to the page that was asked for, which shows both Macs trusted', async () => {
    await page.getByLabel('Password').fill(appliance.adminPassword)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.waitForURL('**/macs')
    await expect.poll(() => page.getByRole('row').filter({ hasText: 'Trusted' }).count()).toBe(2)
    await expectAccessible(page)
    await picture(page, 'macs')
  })

  test('opens a Mac: the verdict in a sentence, the checks, and the evidence behind one', async () => {
    await page.getByRole('row').filter({ hasText: 'ESPSIM000001' }).getByRole('link').first().click()
    await page.waitForURL('**/macs/mac_*')
    await page.getByText(/^Trusted: attested under the evaluation root/).waitFor()
    await page.getByRole('button', { name: /Is it the Mac that it says it is/ }).click()
    await page.getByRole('button', { name: /Apple’s attestation of the device/ }).click()
    await page.getByText('1.2.840.113635.100.8.13.1').first().waitFor()
    await page.getByText('Sub CA 1 (Espalier Evaluation)').locator('visible=true').first().waitFor()
    await expectAccessible(page)
    await picture(page, 'mac')
  })

  test('chats in the playground, and names who answered', async () => {
    await page.goto('/playground')
    const message = page.getByRole('textbox', { name: 'Message', exact: true })
    await message.fill('Say exactly: PONG')
    await message.press('Enter')
    await page.getByRole('log').getByText('PONG', { exact: true }).waitFor()
    await page.getByRole('log').getByText(/mac_/).first().waitFor()
    await expectAccessible(page)
    await picture(page, 'playground')
  })

  test('makes an API key that is shown once and works, then revokes it, from when on it does not', async () => {
    await page.goto('/keys')
    await page
      .getByRole('button', { name: /create/i })
      .first()
      .click()
    await page.getByLabel('Name').fill('from the browser')
    await page
      .getByRole('dialog')
      .getByRole('button', { name: /create/i })
      .click()
    const key = (await page.getByRole('dialog').getByText(/esp_/).textContent())?.match(/esp_[A-Za-z0-9]{46}/)?.[0]
    const models = () => fetch(`${appliance.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } })
    expect((await models()).status).toBe(200)
    await picture(page, 'key-created')
    await page.keyboard.press('Escape')
    await page
      .getByRole('row')
      .filter({ hasText: 'from the browser' })
      .getByRole('button', { name: /revoke/i })
      .click()
    await page
      .getByRole('alertdialog')
      .or(page.getByRole('dialog'))
      .getByRole('button', { name: /revoke/i })
      .click()
    await expect.poll(async () => (await models()).status).toBe(401)
    await expectAccessible(page)
    await picture(page, 'keys')
  })

  test('shows the whole fleet at a glance, light and dark, with nothing wrong in the browser’s console', async () => {
    await page.goto('/')
    await page.getByText('espalier-demo').first().waitFor()
    await expectAccessible(page)
    await picture(page, 'overview')
    await page.emulateMedia({ colorScheme: 'dark' })
    await expectAccessible(page)
    await picture(page, 'overview-dark')
    await page.goto('/macs')
    await expect.poll(() => page.getByRole('row').filter({ hasText: 'Trusted' }).count()).toBe(2)
    await picture(page, 'macs-dark')
    expect(complaints.filter((complaint) => !complaint.includes('401'))).toEqual([])
  })

  test('lets a revoked session see nothing more', async () => {
    await context.request.post('/api/auth/signout').catch(() => undefined)
    const cookies = await context.cookies()
    const session = cookies.find((cookie) => cookie.name.endsWith('session-token'))
    await page.goto('/account')
    await page
      .getByRole('button', { name: /sign out/i })
      .first()
      .click()
    await page.waitForURL('**/signin**')
    const reply = await fetch(`${appliance.url}/trpc/macs.listMacs?input=%7B%7D`, {
      headers: { cookie: `${session?.name}=${session?.value}` },
    })
    expect(reply.status).toBe(401)
  })
})
