import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { createPushAuthority, TOPIC } from '../support/push-certificates.ts'
import { type Appliance, startAppliance } from './support/appliance.ts'
import { espalier } from './support/cli.ts'

/** What the appliance and a command beside it must agree on. */
const keysOf = ({ url }: TestDatabase) => ({
  ESPALIER_MODE: 'production',
  ESPALIER_SECRET: 'QmV0d2VlbiB0aGUgd2FsbCBhbmQgdGhlIHRyZWUh',
  DATABASE_URL: url,
})

let scratch: string
let database: TestDatabase

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'espalier-'))
  database = await testDatabase()
}, 60_000)

afterAll(async () => {
  await database?.drop()
  await rm(scratch, { recursive: true, force: true })
})

describe('production mode', () => {
  test('lists every fault of its configuration at once, each with its remedy, and exits 1', async () => {
    const { code, stderr } = await espalier(['serve'], {
      ESPALIER_MODE: 'production',
      ESPALIER_DATA: join(scratch, 'faults'),
      ESPALIER_HOST: '0.0.0.0',
      ESPALIER_SECRET: 'change-me-change-me-change-me-change-me',
      ESPALIER_PUBLIC_URL: 'http://espalier.example.com',
      ESPALIER_SOFTWARE_MACS: '2',
    })
    expect(code).toBe(1)
    for (const variable of ['ESPALIER_PUBLIC_URL', 'ESPALIER_TLS_CERT', 'ESPALIER_SECRET', 'DATABASE_URL', 'ESPALIER_SOFTWARE_MACS']) {
      expect(stderr).toContain(`${variable}:`)
    }
    expect(stderr.match(/→/g)).toHaveLength(5)
    expect(stderr).not.toContain('    at ')
  })

  test('refuses a data directory that evaluation has used: its root stays outside', async () => {
    const dataDir = join(scratch, 'was-evaluation')
    const { mkdir } = await import('node:fs/promises')
    await mkdir(dataDir)
    await writeFile(join(dataDir, 'evaluation-root.pem'), 'a root')
    const { code, stderr } = await espalier(['serve'], { ESPALIER_MODE: 'production', ESPALIER_DATA: dataDir })
    expect(code).toBe(1)
    expect(stderr).toMatch(/ESPALIER_DATA: .*evaluation/)
  })

  describe('rightly configured', () => {
    let appliance: Appliance

    beforeAll(async () => {
      appliance = await startAppliance({
        env: { ...keysOf(database), ESPALIER_PUBLIC_URL: 'https://espalier.example.com', ESPALIER_HOST: '127.0.0.1' },
      })
    }, 120_000)

    afterAll(async () => {
      await appliance?.close()
    }, 60_000)

    const call = (path: string, init: RequestInit = {}) =>
      fetch(new URL(path, appliance.localUrl), { ...init, headers: { authorization: `Bearer ${appliance.apiKey}`, ...init.headers } })

    const invite = (serial: string) =>
      call('/enroll/invitations', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ serial }),
      })

    test('is ready without a Mac, publishes no evaluation root and starts no software Macs', async () => {
      expect((await call('/readyz')).status).toBe(200)
      await expect(stat(join(appliance.dataDir, 'evaluation-root.pem'))).rejects.toThrow('ENOENT')
      await expect(stat(join(appliance.dataDir, 'software-macs'))).rejects.toThrow('ENOENT')
      expect(await (await call('/v1/fleet/attestation')).json()).toEqual({ macs: [] })
    })

    test('says that no Mac can be invited without Apple’s push certificate', async () => {
      const reply = await invite('C02ABCDEFGHJ')
      expect(reply.status).toBe(409)
      expect(await reply.json()).toMatchObject({ error: { code: 'conflict', message: expect.stringContaining('push certificate') } })
    })

    test('refuses a push certificate that has expired, and stays as it is', async () => {
      const file = join(scratch, 'expired.pem')
      await writeFile(file, createPushAuthority().issue({ notAfter: new Date(Date.now() - 1000) }).pem)
      const { code, stdout } = await espalier(['push', 'import', file, '--json'], keysOf(database))
      expect([code, JSON.parse(stdout).code]).toEqual([10, 'expired'])
      expect((await invite('C02ABCDEFGHJ')).status).toBe(409)
    })

    test('invites Macs from the moment that one is installed, without a restart', async () => {
      const file = join(scratch, 'push.pem')
      await writeFile(file, createPushAuthority().issue().pem)
      const { code, stdout } = await espalier(['push', 'import', file, '--json'], keysOf(database))
      expect([code, JSON.parse(stdout)]).toMatchObject([0, { code: 'installed', topic: TOPIC }])
      const reply = await invite('C02ABCDEFGHJ')
      expect(reply.status).toBe(201)
      const { enrollmentUrl } = (await reply.json()) as { enrollmentUrl: string }
      // Signed, not encrypted: what the Mac will read is there to be read.
      const profile = await (await call(new URL(enrollmentUrl).pathname)).text()
      expect(profile).toContain(`<key>Topic</key><string>${TOPIC}</string>`)
      expect(await (await call('/metrics')).text()).toMatch(/^espalier_push_certificate_expires_timestamp_seconds [1-9]/m)
      expect((await espalier(['push', 'status', '--json'], keysOf(database))).code).toBe(0)
    })

    test('answers a request with 503, the reason and Retry-After while no Mac is trusted', async () => {
      const reply = await call('/v1/chat/completions', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'espalier-demo', messages: [{ role: 'user', content: 'Hello' }] }),
      })
      expect(reply.status).toBe(503)
      expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(await reply.json()).toMatchObject({
        error: { code: 'no_trusted_mac', message: expect.stringContaining('no Mac is connected') },
      })
    })
  })
})
