import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Appliance, startAppliance, untilTrusted } from './support/appliance.ts'
import { pythonWithClients } from './support/python.ts'

const python = pythonWithClients()
let appliance: Appliance

beforeAll(async () => {
  if (python === undefined) return
  appliance = await startAppliance({ env: { ESPALIER_SOFTWARE_MACS: '1' } })
  await untilTrusted(appliance, 1)
}, 240_000)

afterAll(async () => {
  await appliance?.close()
}, 60_000)

test.skipIf(python === undefined)(
  'the official PyPI client completes and streams, given base URL and key alone',
  { timeout: 60_000 },
  async () => {
    const script = new URL('./clients/chat.py', import.meta.url).pathname
    const { stdout } = await promisify(execFile)(python as string, [script, `${appliance.url}/v1`, appliance.apiKey])
    expect(JSON.parse(stdout)).toEqual({
      models: ['espalier-demo'],
      completed: 'PONG',
      streamed: '1, 2, 3, 4, 5, 6, 7, 8, 9, 10.',
      streamedTokens: expect.any(Number),
    })
  },
)
