import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'pg'
import type { Appliance } from './appliance.ts'

/** Where the appliance's embedded PostgreSQL runs, read from its own files. */
export async function embeddedServer(of: Appliance): Promise<{ pid: number; url: string }> {
  const file = (await readdir(of.dataDir, { recursive: true })).find((name) => name.endsWith('postmaster.pid'))
  if (file === undefined) throw new Error('the appliance runs no embedded database')
  const [pid, , , port] = (await readFile(join(of.dataDir, file), 'utf8')).split('\n')
  const password = (await readFile(join(of.dataDir, 'postgres-password'), 'utf8')).trim()
  return { pid: Number(pid), url: `postgresql://espalier:${password}@127.0.0.1:${port}/espalier` }
}

export async function query<Row extends object>(of: Appliance, sql: string, parameters: unknown[] = []): Promise<Row[]> {
  const client = new Client({ connectionString: (await embeddedServer(of)).url })
  await client.connect()
  try {
    return (await client.query<Row>(sql, parameters)).rows
  } finally {
    await client.end()
  }
}
