import { existsSync, mkdirSync } from 'node:fs'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { timeStep, totpAt } from '../../server/auth/totp.ts'
import { type Appliance, startAppliance } from '../journeys/support/appliance.ts'
import { consoleSession } from '../journeys/support/console-session.ts'
import { query } from '../journeys/support/database.ts'
import { expectAccessible, picture, SCREENSHOTS, signIn } from './support/page.ts'

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
const hasChromium = existsSync(CHROMIUM)
if (!hasChromium) console.log(`skipped: people in a browser (no Chromium at ${CHROMIUM}; set CHROMIUM)`)

const GRACE = { email: 'grace@example.com', name: 'Grace Hopper', password: 'quite another password' }

/** What an authenticator app does with the secret that it is shown. */
function codeOf(secret: string): string {
  const bits = [...secret].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('')
  const bytes = Uint8Array.from(bits.match(/.{8}/g) ?? [], (byte) => Number.parseInt(byte, 2))
  return totpAt(bytes, timeStep(new Date()))
}

let appliance: Appliance
let browser: Browser
let owner: Page
let grace: Page

beforeAll(async () => {
  if (!hasChromium) return
  mkdirSync(SCREENSHOTS, { recursive: true })
  appliance = await startAppliance({ env: { ESPALIER_SOFTWARE_MACS: '0' } })
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
  owner = await (await person()).newPage()
  grace = await (await person()).newPage()
  for (const page of [owner, grace]) page.setDefaultTimeout(20_000)
}, 240_000)

afterAll(async () => {
  await browser?.close()
  await appliance?.close()
}, 60_000)

/** A browser of somebody's own: cookies of one are not cookies of another. */
const person = (): Promise<BrowserContext> =>
  browser.newContext({ viewport: { width: 1440, height: 900 }, baseURL: appliance.url, colorScheme: 'light', reducedMotion: 'reduce' })

/** Ten minutes are too long for a test: every session's proof is taken out of the database instead. */
const forgetStepUps = () => query(appliance, 'UPDATE "Session" SET "steppedUpAt" = NULL')

describe.skipIf(!hasChromium)('people, in Chromium', { timeout: 90_000 }, () => {
  let link = ''

  test('an owner sees who is there and who may do what', async () => {
    await signIn(owner, { email: appliance.adminEmail, password: appliance.adminPassword }, '/people')
    await owner.getByRole('row').filter({ hasText: appliance.adminEmail }).waitFor()
    await owner.getByRole('rowheader', { name: 'revoke Macs', exact: true }).waitFor()
    await expectAccessible(owner)
    await picture(owner, 'people')
  })

  test('an invitation asks for the password again where it was long ago, by keyboard alone, and shows its link once', async () => {
    await forgetStepUps()
    await owner.getByRole('button', { name: 'Invite somebody' }).click()
    await owner.getByLabel('Email').fill(GRACE.email)
    await owner.getByLabel('Email').press('Enter')
    const dialog = owner.getByRole('dialog', { name: 'Is it you?' })
    await dialog.getByLabel('Your password').waitFor()
    await expectAccessible(owner)
    await picture(owner, 'step-up')
    await owner.keyboard.type('not the password')
    await owner.keyboard.press('Enter')
    await dialog.getByRole('alert').waitFor()
    await dialog.getByLabel('Your password').fill(appliance.adminPassword)
    await owner.keyboard.press('Enter')
    const text = await owner
      .getByRole('dialog', { name: /A link for/ })
      .getByText('/accept-invitation#')
      .textContent()
    link = text?.match(/http\S+#[A-Za-z0-9_-]{43}/)?.[0] ?? ''
    expect(link).not.toBe('')
    await expectAccessible(owner)
    await picture(owner, 'invitation-link')
    await owner.getByRole('button', { name: 'I have passed it on' }).click()
    await owner.getByRole('listitem').filter({ hasText: GRACE.email }).waitFor()
  })

  test('declining the step-up leaves everything as it was, and says so', async () => {
    await forgetStepUps()
    await owner.getByRole('button', { name: 'New link' }).click()
    await owner.getByRole('dialog', { name: 'Is it you?' }).waitFor()
    await owner.keyboard.press('Escape')
    await owner.getByRole('alert').filter({ hasText: 'Prove that it is you' }).waitFor()
  })

  test('the invited person chooses name and password, once, and signs in with them', async () => {
    await grace.goto(link)
    await grace.getByText('You are invited as Viewer.').waitFor()
    await expectAccessible(grace)
    await picture(grace, 'accept-invitation')
    await grace.getByLabel('Your name').fill(GRACE.name)
    await grace.getByLabel(/^New password(?! again)/).fill('elevenchars')
    await grace.getByLabel('New password again').fill('elevenchars')
    await grace.getByRole('button', { name: 'Make my account' }).click()
    await grace.getByText('needs at least 12 characters').waitFor()
    await grace.getByLabel(/^New password(?! again)/).fill(GRACE.password)
    await grace.getByLabel('New password again').fill(GRACE.password)
    await grace.getByRole('button', { name: 'Make my account' }).click()
    await grace.getByText('Your account is made.').waitFor()
    expect(grace.url()).not.toContain('#')
    await grace.goto(link)
    await grace.reload()
    await grace.getByText('This link opens nothing').waitFor()
    await signIn(grace, GRACE, '/macs')
  })

  test('a viewer is shown nothing that would be refused, and is refused by the API all the same', async () => {
    await grace.getByRole('navigation', { name: 'Console' }).getByRole('link', { name: 'Macs' }).waitFor()
    const places = await grace.getByRole('navigation', { name: 'Console' }).getByRole('listitem').allTextContents()
    for (const place of ['People', 'Set-up', 'Policy', 'Playground']) expect(places).not.toContain(place)
    expect(await grace.getByRole('button', { name: /invite/i }).count()).toBe(0)
    await grace.goto('/people')
    await grace.getByText('This page is not for your role').waitFor()
    expect(await grace.getByRole('button', { name: /invite/i }).count()).toBe(0)
    await expectAccessible(grace)
    await picture(grace, 'people-viewer')
    const session = await consoleSession(appliance, GRACE)
    for (const [procedure, input] of [
      ['people.invitePerson', { email: 'x@example.com', role: 'viewer' }],
      ['people.changeRole', { person: 'usr_0000000000000000', role: 'owner' }],
      ['macs.inviteMac', { serial: 'C02AAA111111' }],
    ] as const)
      expect([procedure, await session.mutate(procedure, input)]).toMatchObject([procedure, { status: 403, code: 'forbidden' }])
    expect(await session.query('people.listPeople', {})).toMatchObject({ status: 403, code: 'forbidden' })
  })

  test('a second factor is set up with an app, gives recovery codes once, and is then asked for', async () => {
    await grace.goto('/account')
    await grace.getByRole('button', { name: 'Set it up' }).click()
    const dialog = grace.getByRole('dialog', { name: 'Set up a second factor' })
    await dialog.getByRole('img', { name: 'QR code for the authenticator app' }).waitFor()
    await expectAccessible(grace)
    await picture(grace, 'second-factor')
    await dialog.getByLabel('Code of the app').fill('000000')
    await dialog.getByRole('button', { name: 'Confirm' }).click()
    await dialog.getByRole('alert').waitFor()
    await dialog.getByText('It cannot be scanned').click()
    const secret = (await dialog.locator('code').textContent())?.match(/[A-Z2-7]{32}/)?.[0] ?? ''
    await dialog.getByLabel('Code of the app').fill(codeOf(secret))
    await dialog.getByRole('button', { name: 'Confirm' }).click()
    const codes = grace.getByRole('dialog', { name: 'Your recovery codes' })
    await codes.getByRole('listitem').nth(9).waitFor()
    const recovery = (await codes.getByRole('listitem').first().textContent()) ?? ''
    await picture(grace, 'recovery-codes')
    await codes.getByRole('button', { name: 'I have stored them' }).click()
    await grace.getByText('10 of 10 recovery codes are left.').waitFor()
    await expectAccessible(grace)
    await picture(grace, 'account')

    const elsewhere = await (await person()).newPage()
    elsewhere.setDefaultTimeout(20_000)
    await elsewhere.goto('/signin')
    await elsewhere.getByLabel('Email').fill(GRACE.email)
    await elsewhere.getByLabel('Password').fill(GRACE.password)
    await elsewhere.getByRole('button', { name: 'Sign in' }).click()
    await elsewhere.getByLabel('Code of your second factor').fill(recovery)
    await expectAccessible(elsewhere)
    await picture(elsewhere, 'signin-second-factor')
    await elsewhere.getByRole('button', { name: 'Sign in' }).click()
    await elsewhere.waitForURL((url) => url.pathname === '/')
  })

  test('disabling says what ends before it does, and ends it', async () => {
    await owner.goto('/people')
    await owner.getByRole('button', { name: `Change ${GRACE.name}` }).click()
    await owner.getByRole('menuitem', { name: 'Disable' }).click()
    const dialog = owner.getByRole('alertdialog')
    await dialog.getByText(/3 sessions end, no API keys stop/).waitFor()
    await expectAccessible(owner)
    await picture(owner, 'disable-person')
    await dialog.getByRole('button', { name: 'Disable the account' }).click()
    await owner.getByRole('dialog', { name: 'Is it you?' }).getByLabel('Your password').fill(appliance.adminPassword)
    await owner.keyboard.press('Enter')
    await owner.getByRole('row').filter({ hasText: GRACE.email }).getByText('Disabled').waitFor()
    await grace.goto('/macs')
    await grace.waitForURL('**/signin**')
    await owner.emulateMedia({ colorScheme: 'dark' })
    await expectAccessible(owner)
    await picture(owner, 'people-dark')
  })
})
