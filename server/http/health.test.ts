import Fastify, { type FastifyInstance } from 'fastify'
import { Counter, Registry } from 'prom-client'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../test/support/postgres.ts'
import type { ApiKeyPrincipal } from '../auth/api-keys.ts'
import { AppError } from '../errors.ts'
import { createStore } from '../store/client.ts'
import { type HealthDeps, healthRoutes } from './health.ts'

let database: TestDatabase
let app: FastifyInstance
let isStopping = false

const metricsToken = 'b6cf5a6f5f3c4a21'
const principal = (scopes: string[]) => ({ keyId: 'k', scopes: new Set(scopes) }) as unknown as ApiKeyPrincipal
/** Two keys: one may read the fleet, one may not. */
const authenticate = async (header: string | undefined): Promise<ApiKeyPrincipal> => {
  if (header === undefined) throw new AppError('missing_api_key')
  if (header === 'Bearer esp_reader') return principal(['fleet:read'])
  if (header === 'Bearer esp_chatter') return principal(['inference'])
  throw new AppError('invalid_api_key')
}

async function start(change: Partial<HealthDeps> = {}): Promise<FastifyInstance> {
  const metrics = new Registry()
  new Counter({ name: 'espalier_things_total', help: 'Things', registers: [metrics] }).inc(3)
  const made = Fastify()
  await made.register(healthRoutes, { store: database.store, metrics, isStopping: () => isStopping, metricsToken, authenticate, ...change })
  return made
}

beforeEach(async () => {
  isStopping = false
  database = await testDatabase()
  app = await start()
})

afterEach(async () => {
  await app.close()
  await database.drop()
})

test('a running process is alive, whatever else is wrong', async () => {
  expect((await app.inject('/healthz')).json()).toEqual({ status: 'alive' })
})

test('is ready while the database answers, with no Mac at all', async () => {
  const answer = await app.inject('/readyz')
  expect([answer.statusCode, answer.json()]).toEqual([200, { status: 'ready' }])
})

test('names a database that does not answer, and is still alive', async () => {
  const unreachable = createStore('postgresql://nobody@127.0.0.1:1/none')
  const cut = await start({ store: unreachable.store })
  const answer = await cut.inject('/readyz')
  expect([answer.statusCode, answer.json()]).toEqual([503, { status: 'not_ready', causes: ['database_unreachable'] }])
  expect((await cut.inject('/healthz')).statusCode).toBe(200)
  await cut.close()
  await unreachable.close()
})

test('a database that hangs is not waited for', async () => {
  const hanging = await start({ store: { $queryRaw: () => new Promise(() => undefined) } as unknown as HealthDeps['store'] })
  expect((await hanging.inject('/readyz')).json().causes).toEqual(['database_unreachable'])
  await hanging.close()
})

test('says that it is stopping', async () => {
  isStopping = true
  expect((await app.inject('/readyz')).json()).toEqual({ status: 'not_ready', causes: ['stopping'] })
})

const metricsWith = (authorization?: string) =>
  app.inject({ url: '/metrics', headers: authorization === undefined ? {} : { authorization } })

test('metrics open with the token, and with a key that may read the fleet', async () => {
  for (const header of [`Bearer ${metricsToken}`, 'Bearer esp_reader']) {
    const answer = await metricsWith(header)
    expect(answer.statusCode).toBe(200)
    expect(answer.body).toContain('espalier_things_total 3')
  }
})

test('metrics stay closed to everybody else', async () => {
  expect((await metricsWith()).statusCode).toBe(401)
  expect((await metricsWith('Bearer wrong')).statusCode).toBe(401)
  expect((await metricsWith('Bearer esp_chatter')).statusCode).toBe(403)
  expect((await metricsWith()).headers['www-authenticate']).toBe('Bearer')
})

test('without a configured token no token opens the metrics', async () => {
  const closed = await start({ metricsToken: undefined })
  expect((await closed.inject({ url: '/metrics', headers: { authorization: 'Bearer undefined' } })).statusCode).toBe(401)
  await closed.close()
})
