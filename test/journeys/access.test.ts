import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ALL_SCOPES, type Scope } from '../../server/auth/permissions.ts'
import { ROUTE_ACCESS, type RouteAccess } from '../../server/http/route-access.ts'
import { type Appliance, startAppliance } from './support/appliance.ts'
import { consoleSession } from './support/console-session.ts'

/** Every address of the access matrix, on the real appliance: without anything, and with an API key of every scope. */
let appliance: Appliance
const keys = new Map<Scope, string>()

beforeAll(async () => {
  appliance = await startAppliance({ env: { ESPALIER_SOFTWARE_MACS: '0' } })
  const owner = await consoleSession(appliance, { email: appliance.adminEmail, password: appliance.adminPassword })
  for (const scope of ALL_SCOPES) {
    const created = await owner.mutate('apiKeys.createApiKey', { name: scope, scopes: [scope], expiresInDays: 30 })
    keys.set(scope, (created.data as { key: string }).key)
  }
}, 240_000)
afterAll(() => appliance?.close(), 60_000)

const routes = Object.entries(ROUTE_ACCESS).map(([route, access]) => {
  const [method = '', address = ''] = route.split(' ')
  return {
    route,
    access,
    method: method === 'ALL' ? 'GET' : method,
    path: address.replace(':code', 'x').replace(':path', 'x.y').replace('*', 'x'),
  }
})

async function call({ method, path }: { method: string; path: string }, key?: string) {
  const body = method === 'GET' || method === 'HEAD' ? undefined : '{}'
  const response = await fetch(new URL(path, appliance.localUrl), {
    method,
    redirect: 'manual',
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
    },
    ...(body !== undefined && { body }),
  })
  const text = await response.text()
  return { status: response.status, location: response.headers.get('location'), code: /"code":"([a-z_]+)"/.exec(text)?.[1] }
}

function expectRefusal(access: RouteAccess, answer: Awaited<ReturnType<typeof call>>): void {
  if (access.needs === 'session') expect(answer).toMatchObject({ status: 302, location: expect.stringMatching(/^\/signin/) })
  if (access.needs === 'api-key') expect(answer).toMatchObject({ status: 401, code: 'missing_api_key' })
  if (access.needs === 'proof' || access.needs === 'procedure') {
    expect(answer.status).toBeGreaterThanOrEqual(400)
    expect(answer.status).toBeLessThan(500)
  }
}

describe('whoever brings nothing', () => {
  test.each(routes)('is refused at $route', async ({ access, ...request }) => {
    const answer = await call(request)
    expect(answer.status).toBeLessThan(500)
    expectRefusal(access, answer)
  })
})

const keyRoutes = routes.flatMap(({ access, ...request }) => (access.needs === 'api-key' ? [{ ...request, scope: access.scope }] : []))

describe('an API key', () => {
  test.each(keyRoutes)('opens $route with the scope $scope, and with no other', async ({ scope, ...request }) => {
    for (const [held, key] of keys) {
      const { status, code } = await call(request, key)
      if (held === scope) expect([held, [401, 403].includes(status)]).toEqual([held, false])
      else expect([held, status, code]).toEqual([held, 403, 'insufficient_scope'])
    }
  })

  test.each(routes.filter(({ access }) => access.needs === 'session' || access.needs === 'procedure'))(
    'is nothing at $route',
    async ({ access, ...request }) => expectRefusal(access, await call(request, appliance.apiKey)),
  )
})

test('the table that people read is the one that was tried here', async () => {
  const table = await readFile(new URL('../../server/auth/access-matrix.md', import.meta.url), 'utf8')
  for (const { route } of routes) expect(table).toContain(`| \`${route}\` |`)
})
