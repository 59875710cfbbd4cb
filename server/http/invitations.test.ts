import Fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createApiKeyCache } from '../auth/api-key-cache.ts'
import { authenticateApiKey, createApiKey } from '../auth/api-keys.ts'
import type { Scope } from '../auth/permissions.ts'
import { inviteMac } from '../fleet/inventory.ts'
import { type FleetHouse, PUBLIC_URL, startFleetHouse } from '../fleet/testing/fleet-house.ts'
import { createLog } from '../log.ts'
import { createUser } from '../store/users.ts'
import { invitationRoutes } from './invitations.ts'
import { answerError } from './server.ts'

let house: FleetHouse
let app: FastifyInstance
let inviter: { id: string; key: string }
let reader: { key: string }

beforeAll(async () => {
  house = await startFleetHouse()
  const { store, clock } = house
  const owner = await createUser(store, { email: 'o@example.com', name: 'O', role: 'owner', passwordHash: null, createdAt: clock.now() })
  const key = (scopes: Scope[]) => createApiKey({ store, clock }, { owner, name: 'k', scopes, expiresAt: null })
  inviter = await key(['fleet:enroll'])
  reader = await key(['fleet:read', 'inference'])
  const deps = { store, clock, cache: createApiKeyCache() }
  app = Fastify()
  app.setErrorHandler((error, request, reply) => answerError(createLog('error'), error, request, reply))
  await app.register(invitationRoutes, {
    authenticate: (header) => authenticateApiKey(deps, header),
    invite: (invitation) => inviteMac(house, invitation),
  })
})
afterAll(async () => {
  await app.close()
  await house.close()
})

const post = (
  payload: string | object | undefined,
  authorization: string | undefined = `Bearer ${inviter.key}`,
  type = 'application/json',
) =>
  app.inject({
    ...{ method: 'POST', url: '/enroll/invitations' },
    headers: { ...(payload === undefined ? {} : { 'content-type': type }), ...(authorization === '' ? {} : { authorization }) },
    ...(payload === undefined ? {} : { payload }),
  })
const codeOf = (answer: Awaited<ReturnType<typeof post>>) => [answer.statusCode, answer.json().error.code]

test('a key with the scope gets a link that works, in the Mac’s name and its own', async () => {
  const answer = await post({ serial: 'INVITEMAC001' })
  expect(answer.statusCode).toBe(201)
  const { mac, enrollmentUrl, expiresAt } = answer.json()
  expect(Date.parse(expiresAt)).toBeGreaterThan(house.clock.now().getTime())
  const path = String(enrollmentUrl).slice(PUBLIC_URL.length)
  expect((await house.mdm.handleEnroll({ method: 'GET', path, headers: {}, body: new Uint8Array() })).status).toBe(200)
  expect(await house.store.auditEvent.findMany({ where: { subject: mac, type: 'mac.invited' } })).toMatchObject([
    { actor: `key:${inviter.id}` },
  ])
})

test('nobody without a key, or with a wrong one', async () => {
  expect(codeOf(await post({ serial: 'INVITEMAC002' }, ''))).toEqual([401, 'missing_api_key'])
  expect(codeOf(await post({ serial: 'INVITEMAC002' }, 'Bearer esp_wrong'))).toEqual([401, 'invalid_api_key'])
  expect(await house.store.mac.count({ where: { serial: 'INVITEMAC002' } })).toBe(0)
})

test('no key without the scope', async () => {
  expect(codeOf(await post({ serial: 'INVITEMAC003' }, `Bearer ${reader.key}`))).toEqual([403, 'insufficient_scope'])
  expect(await house.store.mac.count({ where: { serial: 'INVITEMAC003' } })).toBe(0)
})

test.each<[string, string | object | undefined]>([
  ['no body', undefined],
  ['no serial', {}],
  ['a number for a serial', { serial: 12345678 }],
  ['a member too many', { serial: 'INVITEMAC004', admin: true }],
  ['a serial that is none', { serial: 'x' }],
  ['half a JSON', '{"serial":'],
  ['null', 'null'],
])('refuses %s with 400', async (_name, payload) => {
  expect(codeOf(await post(payload))).toEqual([400, 'invalid_request'])
})

test('refuses a body that is too large or no JSON, each with its own code', async () => {
  expect(codeOf(await post({ serial: 'x'.repeat(5000) }))).toEqual([413, 'payload_too_large'])
  expect(codeOf(await post('<serial/>', undefined, 'application/xml'))).toEqual([415, 'unsupported_media_type'])
})

test('refuses a revoked Mac with 409', async () => {
  await house.store.mac.create({
    data: { id: 'mac_00000000000000000009', serial: 'INVITEMAC009', addedAt: house.clock.now(), revokedAt: house.clock.now() },
  })
  expect(codeOf(await post({ serial: 'INVITEMAC009' }))).toEqual([409, 'conflict'])
})
