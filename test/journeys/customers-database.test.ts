import OpenAI from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { type Appliance, fleetStatus, startAppliance, untilTrusted } from './support/appliance.ts'

let database: TestDatabase
let appliance: Appliance

beforeAll(async () => {
  database = await testDatabase()
  appliance = await startAppliance({ env: { DATABASE_URL: database.url, ESPALIER_SOFTWARE_MACS: '1' } })
  await untilTrusted(appliance, 1)
}, 240_000)

afterAll(async () => {
  await appliance?.close()
  await database?.drop()
}, 60_000)

test('an appliance on a database of the customer’s own serves, and finds everything again after a restart', {
  timeout: 120_000,
}, async () => {
  const openai = new OpenAI({ baseURL: `${appliance.url}/v1`, apiKey: appliance.apiKey, maxRetries: 0 })
  const ask = () =>
    openai.chat.completions.create({ model: 'espalier-demo', temperature: 0, messages: [{ role: 'user', content: 'Say exactly: PONG' }] })
  expect((await ask()).choices[0]?.message.content).toBe('PONG')
  const [before] = await fleetStatus(appliance)
  await appliance.kill('SIGINT')
  await appliance.restart()
  await untilTrusted(appliance, 1)
  const [after] = await fleetStatus(appliance)
  // The same Mac by the same evidence: nothing was enrolled or attested again.
  expect(after).toMatchObject({ mac: before?.mac, evidenceDigest: before?.evidenceDigest, trust: 'trusted' })
  expect((await ask()).choices[0]?.message.content).toBe('PONG')
})
