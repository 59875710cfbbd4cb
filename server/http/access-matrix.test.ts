import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../test/support/postgres.ts'
import { createApiKeyCache } from '../auth/api-key-cache.ts'
import { PERMISSIONS, ROLES, type Role } from '../auth/permissions.ts'
import type { SignedIn } from '../auth/sessions.ts'
import { createSignInLimits } from '../auth/sign-in-limits.ts'
import { systemClock } from '../clock.ts'
import { createSecretBox } from '../secrets.ts'
import type { ConsoleDeps } from '../trpc/context.ts'
import { createCaller } from '../trpc/procedure.ts'
import { appRouter } from '../trpc/root.ts'
import { letsIn, listProcedures, type Procedure, writeAccessMatrix } from './access-matrix.ts'
import { listRoutes } from './list-routes.ts'
import { ROUTE_ACCESS } from './route-access.ts'

const MATRIX = new URL('../auth/access-matrix.md', import.meta.url)
const HOW = 'Run “node deploy/espalier.mjs dev make-access-matrix”, and read what changed in server/auth/access-matrix.md.'

const procedures = listProcedures()
let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.drop())

function person(role: Role, session: Partial<SignedIn> = {}): SignedIn {
  const user = { id: 'usr_x', email: 'x@example.com', name: 'X', role }
  return { sessionId: 'usn_x', steppedUpAt: new Date(), lacksSecondFactor: false, user, ...session }
}

/** The stable code of a call without input; what is behind the gate lacks most of its parts, and is of no interest here. */
async function codeOf({ path }: Pick<Procedure, 'path'>, signedIn: SignedIn | undefined): Promise<string> {
  const deps = {
    ...{ store: database.store, clock: systemClock, cache: createApiKeyCache(), limits: createSignInLimits() },
    ...{ mode: 'production', publicUrl: new URL('http://localhost:3200'), secrets: createSecretBox('a secret of this test alone') },
  } as unknown as ConsoleDeps
  const caller = createCaller(appRouter)({ deps, signedIn, ip: '192.0.2.1' })
  const call = path.split('.').reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], caller) as () => Promise<unknown>
  return call().then(
    () => 'answered',
    (error: { code: string; cause?: { code?: string } }) => error.cause?.code ?? error.code,
  )
}

const REFUSALS = ['not_signed_in', 'forbidden', 'second_factor_required', 'step_up_required']

describe('the access matrix', () => {
  test('is what the code says', async () => {
    expect(await readFile(MATRIX, 'utf8').catch(() => ''), HOW).toBe(writeAccessMatrix(await listRoutes()))
  })

  test('knows every address that is registered, and no other', async () => {
    expect((await listRoutes()).sort(), 'name it in server/http/route-access.ts').toEqual(Object.keys(ROUTE_ACCESS).sort())
  })

  test('shows an address that nobody decided about as one without an entry', () => {
    expect(writeAccessMatrix(['GET /planted'])).toContain('| `GET /planted` | NO ENTRY')
    expect(writeAccessMatrix(['GET /constructor', 'toString'])).toContain('| `toString` | NO ENTRY')
  })

  test('lets nobody through a procedure that names nothing', () => {
    for (const role of [...ROLES, undefined]) expect(letsIn({ meta: {} }, role)).toBe(false)
  })

  test('is not empty', () => expect(procedures.length).toBeGreaterThan(40))
})

describe.each(procedures)('$path', (procedure) => {
  const { meta } = procedure

  test('names its permission, or to whom it is open', () => {
    expect([...PERMISSIONS, undefined]).toContain(meta.permission)
    expect(meta.permission === undefined).toBe(meta.openTo !== undefined)
  })

  test('lets in exactly the roles of the matrix, and refuses the others before it looks at what they ask', async () => {
    for (const role of ROLES) {
      const code = await codeOf(procedure, person(role))
      expect([role, REFUSALS.includes(code) ? code : 'in']).toEqual([role, letsIn(procedure, role) ? 'in' : 'forbidden'])
    }
    const code = await codeOf(procedure, undefined)
    expect(REFUSALS.includes(code) ? code : 'in').toBe(letsIn(procedure, undefined) ? 'in' : 'not_signed_in')
  })

  test('is closed to whoever has to set up a second factor first, but for their own account', async () => {
    const code = await codeOf(procedure, person('owner', { lacksSecondFactor: true }))
    const isMeant = meta.openTo !== undefined || meta.permission === 'sign in and manage their own sessions'
    expect(code === 'second_factor_required').toBe(!isMeant)
  })
})

describe.each(procedures.filter(({ meta }) => meta.stepUp === true))('$path, a dangerous action,', (procedure) => {
  test('is closed to a session that has not proved itself lately', async () => {
    for (const role of ROLES.filter((each) => letsIn(procedure, each))) {
      expect(await codeOf(procedure, person(role, { steppedUpAt: null }))).toBe('step_up_required')
    }
  })
})
