import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { scratchFolder } from '../test/support/scratch-folder.ts'
import { EnvError, readEnv } from './env.ts'

const folder = scratchFolder()
const pem = join(folder, 'tls.pem')
writeFileSync(pem, 'pem')

/** Sound, so that each test below can break one thing. */
const production = {
  ESPALIER_MODE: 'production',
  ESPALIER_PUBLIC_URL: 'https://espalier.acme.com',
  ESPALIER_SECRET: 'mG4iK9Vb2Rw7Xq1TzN5cLpE8uYs3HfJ6aDo0gWv+QxA=',
  ESPALIER_TLS_CERT: pem,
  ESPALIER_TLS_KEY: pem,
  DATABASE_URL: 'postgresql://espalier:p%40ss@db.acme.com:5432/espalier',
  ESPALIER_DATA: folder,
}

function faultsOf(environment: Record<string, string | undefined>): string[] {
  try {
    readEnv(environment)
    return []
  } catch (error) {
    if (!(error instanceof EnvError)) throw error
    for (const fault of error.faults) expect(fault.remedy).not.toBe('')
    return error.faults.map((fault) => fault.variable)
  }
}

describe('evaluation', () => {
  test('needs nothing at all', () => {
    expect(readEnv({}, '/srv/clone')).toEqual({
      mode: 'evaluation',
      port: 3200,
      host: '127.0.0.1',
      dataDir: '/srv/clone/.espalier',
      publicUrl: 'http://localhost:3200',
      databaseUrl: undefined,
      natsUrl: undefined,
      tls: undefined,
      trustedProxies: [],
      clientCertificates: { from: 'nowhere' },
      scep: false,
      keyBindingAmbition: 'ticket',
      reattestation: { concurrency: 32, jitterMs: 20_000 },
      secret: undefined,
      previousSecrets: [],
      push: { perSecond: 50, concurrency: 50 },
      mdmcertUrl: 'https://mdmcert.download/api/v1/signrequest',
      metricsToken: undefined,
      logLevel: 'info',
      softwareMacs: 2,
      softwareEngine: 'llama',
    })
  })

  test('the address follows the port', () => {
    expect(readEnv({ PORT: '4100' }).publicUrl).toBe('http://localhost:4100')
  })

  test('an empty variable is an absent one', () => {
    expect(readEnv({ PORT: '', DATABASE_URL: '', ESPALIER_MODE: '' })).toEqual(readEnv({}))
  })

  test('a public URL loses the slash at its end', () => {
    expect(readEnv({ ESPALIER_PUBLIC_URL: 'https://espalier.acme.com/' }).publicUrl).toBe('https://espalier.acme.com')
  })
})

describe('faults', () => {
  test('come all at once, each with its remedy', () => {
    const environment = { PORT: '0', ESPALIER_MODE: 'staging', DATABASE_URL: 'mysql://x', ESPALIER_TLS_KEY: '/nowhere.pem' }
    expect(faultsOf(environment).sort()).toEqual(['DATABASE_URL', 'ESPALIER_MODE', 'ESPALIER_TLS_KEY', 'PORT'])
  })

  test('an unreadable variable does not hide what production refuses', () => {
    expect(faultsOf({ ...production, PORT: 'http', ESPALIER_SECRET: undefined }).sort()).toEqual(['ESPALIER_SECRET', 'PORT'])
  })

  test('proxies are trusted by address or range, and one that is neither is a fault', () => {
    expect(readEnv({ ESPALIER_TRUSTED_PROXIES: '127.0.0.1, 10.0.0.0/8' }).trustedProxies).toEqual(['127.0.0.1', '10.0.0.0/8'])
    for (const list of ['127.0.0.1,proxy.internal', '0.0.0.0/0']) {
      expect(faultsOf({ ESPALIER_TRUSTED_PROXIES: list })).toEqual(['ESPALIER_TRUSTED_PROXIES'])
    }
  })

  test('client certificates are learned from nowhere unless it is said from where, and from whom', () => {
    expect(readEnv({}).clientCertificates).toEqual({ from: 'nowhere' })
    const behindProxy = { ESPALIER_CLIENT_CERTIFICATES: 'header:X-Client-Cert', ESPALIER_TRUSTED_PROXIES: '127.0.0.1' }
    expect(readEnv(behindProxy).clientCertificates).toEqual({ from: 'header', name: 'x-client-cert' })
    for (const setting of ['header:X-Client-Cert', 'listener', 'header:', 'on']) {
      expect(faultsOf({ ESPALIER_CLIENT_CERTIFICATES: setting })).toEqual(['ESPALIER_CLIENT_CERTIFICATES'])
    }
  })

  test('SCEP is off unless it is switched on', () => {
    expect([readEnv({}).scep, readEnv({ ESPALIER_SCEP: 'on' }).scep]).toEqual([false, true])
    expect(faultsOf({ ESPALIER_SCEP: 'yes' })).toEqual(['ESPALIER_SCEP'])
  })

  test('half a TLS pair names the missing half', () => {
    expect(faultsOf({ ESPALIER_TLS_CERT: pem })).toEqual(['ESPALIER_TLS_KEY'])
    expect(faultsOf({ ESPALIER_TLS_KEY: pem })).toEqual(['ESPALIER_TLS_CERT'])
  })

  test('the message is one list for a person', () => {
    expect(() => readEnv({ PORT: '99999' })).toThrow('PORT: is not valid.\n    → Use a port between 1 and 65535.')
  })

  test.each([
    [{ ESPALIER_HOST: 'espalier.acme.com' }, 'ESPALIER_HOST'],
    [{ ESPALIER_PUBLIC_URL: 'https://acme.com/espalier' }, 'ESPALIER_PUBLIC_URL'],
    [{ ESPALIER_PUBLIC_URL: 'espalier.acme.com' }, 'ESPALIER_PUBLIC_URL'],
    [{ NATS_URL: 'http://nats' }, 'NATS_URL'],
    [{ ESPALIER_SECRET: 'short' }, 'ESPALIER_SECRET'],
    [{ ESPALIER_METRICS_TOKEN: 'short' }, 'ESPALIER_METRICS_TOKEN'],
    [{ ESPALIER_SOFTWARE_MACS: '-1' }, 'ESPALIER_SOFTWARE_MACS'],
  ])('%j is refused', (environment, variable) => {
    expect(faultsOf(environment)).toEqual([variable])
  })

  test('whatever the environment holds, the answer is an Env or a list of faults', () => {
    const names = ['PORT', 'ESPALIER_MODE', 'ESPALIER_PUBLIC_URL', 'DATABASE_URL', 'ESPALIER_SECRET', 'ESPALIER_HOST']
    fc.assert(fc.property(fc.dictionary(fc.constantFrom(...names), fc.string()), (environment) => void faultsOf(environment)))
  })
})

describe('production', () => {
  test('starts when everything is in place', () => {
    expect(faultsOf(production)).toEqual([])
    expect(readEnv(production)).toMatchObject({ mode: 'production', softwareMacs: 0, host: '0.0.0.0' })
  })

  test('behind a proxy that speaks TLS it listens on this machine alone', () => {
    const behindProxy = { ...production, ESPALIER_TLS_CERT: undefined, ESPALIER_TLS_KEY: undefined }
    expect(readEnv(behindProxy).host).toBe('127.0.0.1')
  })

  const refused: [string, Record<string, string | undefined>, string][] = [
    ['plain HTTP as its public address', { ESPALIER_PUBLIC_URL: 'http://espalier.acme.com' }, 'ESPALIER_PUBLIC_URL'],
    ['no public address', { ESPALIER_PUBLIC_URL: undefined }, 'ESPALIER_PUBLIC_URL'],
    [
      'plain HTTP on a public address',
      { ESPALIER_TLS_CERT: undefined, ESPALIER_TLS_KEY: undefined, ESPALIER_HOST: '0.0.0.0' },
      'ESPALIER_TLS_CERT',
    ],
    ['no secret', { ESPALIER_SECRET: undefined }, 'ESPALIER_SECRET'],
    ['a secret out of an example', { ESPALIER_SECRET: 'changeme-changeme-changeme-changeme' }, 'ESPALIER_SECRET'],
    ['a secret of zeros', { ESPALIER_SECRET: '0'.repeat(64) }, 'ESPALIER_SECRET'],
    ['the embedded database', { DATABASE_URL: undefined }, 'DATABASE_URL'],
    ['software Macs', { ESPALIER_SOFTWARE_MACS: '2' }, 'ESPALIER_SOFTWARE_MACS'],
    ['a metrics token out of an example', { ESPALIER_METRICS_TOKEN: 'example-metrics-token' }, 'ESPALIER_METRICS_TOKEN'],
  ]
  test.each(refused)('refuses %s', (_what, change, variable) => {
    expect(faultsOf({ ...production, ...change })).toEqual([variable])
  })

  test('refuses a data directory that was used for evaluation', () => {
    const used = scratchFolder()
    writeFileSync(join(used, 'evaluation-root.pem'), 'pem')
    expect(faultsOf({ ...production, ESPALIER_DATA: used })).toEqual(['ESPALIER_DATA'])
  })

  test('a random secret is practically never taken for a weak one', () => {
    for (let i = 0; i < 200; i++) {
      const secret = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString(i % 2 ? 'hex' : 'base64')
      expect(faultsOf({ ...production, ESPALIER_SECRET: secret })).toEqual([])
    }
  })
})
