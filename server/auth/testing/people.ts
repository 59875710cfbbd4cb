import { testDatabase } from '../../../test/support/postgres.ts'
import type { AuditEvent } from '../../audit/events.ts'
import { createSecretBox } from '../../secrets.ts'
import { createUser, type UserRow } from '../../store/users.ts'
import { createApiKeyCache } from '../api-key-cache.ts'
import { hashPassword } from '../passwords.ts'
import type { Role } from '../permissions.ts'
import { checkSession, openSession, type SignedIn } from '../sessions.ts'
import { createSignInLimits } from '../sign-in-limits.ts'

export const PASSWORD = 'a long enough password'
let hash: Promise<string> | undefined
let made = 0

/** A database of people with a clock that is moved by hand; everything that `server/auth` is given. */
export async function peopleForTests() {
  const database = await testDatabase()
  const time = { now: new Date('2026-05-01T12:00:00Z') }
  const deps = {
    store: database.store,
    clock: { now: () => time.now },
    cache: createApiKeyCache(),
    limits: createSignInLimits(),
    secrets: createSecretBox('a secret of this test alone, long enough'),
    publicUrl: new URL('https://espalier.example'),
  }
  return {
    deps,
    drop: () => database.drop(),
    later: (ms: number) => {
      time.now = new Date(time.now.getTime() + ms)
    },
    async make(role: Role): Promise<UserRow> {
      hash ??= hashPassword(PASSWORD)
      const email = `${role}${made++}@example.com`
      return createUser(database.store, { email, name: `${role} ${made}`, role, passwordHash: await hash, createdAt: time.now })
    },
    async signedIn(user: UserRow): Promise<SignedIn> {
      const sessionId = await openSession(deps, { userId: user.id, ip: '192.0.2.1', userAgent: 'test' })
      return (await checkSession(deps, sessionId)) as SignedIn
    },
    async audited(subject: string): Promise<{ type: AuditEvent['type']; actor: string; detail: unknown }[]> {
      // In the order of writing: ids are random, and the events of one change have one time.
      return database.store.$queryRaw`SELECT type, actor, detail FROM "AuditEvent" WHERE subject = ${subject} ORDER BY at, ctid`
    },
  }
}

export type PeopleForTests = Awaited<ReturnType<typeof peopleForTests>>
