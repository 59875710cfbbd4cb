import { inject } from 'vitest'
import { createStore, type Store } from '../../server/store/client.ts'

export type TestDatabase = { url: string; store: Store; drop(): Promise<void> }

/** A fresh database with the newest schema, on the run's one PostgreSQL. */
export async function testDatabase(): Promise<TestDatabase> {
  const service = inject('postgresService')
  const answer = await fetch(service, { method: 'POST' })
  if (!answer.ok) throw new Error(`no test database: ${await answer.text()}`)
  const { url, name } = (await answer.json()) as { url: string; name: string }
  const { store, close } = createStore(url, { maxConnections: 5 })
  const drop = async (): Promise<void> => {
    await close()
    await fetch(service + name, { method: 'DELETE' })
  }
  return { url, store, drop }
}
