import type { Appliance } from './appliance.ts'
import { consoleSession } from './console-session.ts'

type Answer = { status: number; data?: unknown; code?: string }

/** Somebody at the console. What is refused throws here; `try` hands the refusal over instead. */
export type Person = {
  ask<T>(procedure: string, input?: unknown): Promise<T>
  tell<T>(procedure: string, input?: unknown): Promise<T>
  try(procedure: string, input?: unknown): Promise<Answer>
  /** Types the password once more. */
  stepUp(): Promise<void>
}

type Credentials = { email: string; password: string }

async function signIn(appliance: Appliance, credentials: Credentials): Promise<Person> {
  const session = await consoleSession(appliance, credentials)
  const person: Person = {
    ask: async (procedure, input) => dataOf(procedure, await session.query(procedure, input)),
    tell: async (procedure, input) => dataOf(procedure, await session.mutate(procedure, input)),
    try: (procedure, input) => session.mutate(procedure, input),
    stepUp: async () => void (await person.tell('session.stepUp', { password: credentials.password })),
  }
  return person
}

/** The first owner, who has just typed the password again. */
export async function ownerOf(appliance: Appliance): Promise<Person> {
  const owner = await signIn(appliance, { email: appliance.adminEmail, password: appliance.adminPassword })
  await owner.stepUp()
  return owner
}

/** Somebody whom the owner invites and who accepts, signed in on a machine of their own. */
export async function inviteColleague(appliance: Appliance, owner: Person, role: string): Promise<Person> {
  const credentials = { email: `${role}@example.com`, password: 'a trajectory computed by hand' }
  const { link } = await owner.tell<{ link: string }>('people.invitePerson', { email: credentials.email, role })
  const token = new URL(link).hash.slice(1)
  const nobody = await signIn(appliance, { email: 'nobody@example.com', password: 'none' })
  await nobody.tell('people.acceptInvitation', { token, name: `A colleague (${role})`, password: credentials.password })
  return signIn(appliance, credentials)
}

function dataOf<T>(procedure: string, answer: Answer): T {
  if (answer.status !== 200) throw new Error(`${procedure}: ${answer.status} ${answer.code ?? ''}`)
  return answer.data as T
}
