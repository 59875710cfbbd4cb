import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import type { TestProject } from 'vitest/node'
import { startEmbeddedPostgres } from '../../server/store/embedded-postgres.ts'
import { applyMigrations } from '../../server/store/migrate.ts'
import { stopOrphan } from '../../server/store/postgres-orphan.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const migrationsDir = join(root, 'prisma/migrations')
const scratchPrefix = 'espalier-test-postgres-'

declare module 'vitest' {
  interface ProvidedContext {
    /** `POST /` makes a database, `DELETE /NAME` drops it. */
    postgresService: string
  }
}

type Server = { url: string; close(): Promise<void> }

/**
 * Vitest's global set-up: one PostgreSQL for the whole run, started when the first test asks for a database, so that a run of
 * pure tests never pays for it. ESPALIER_TEST_DATABASE_URL names another server, whose role may create databases.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  let server: Promise<Server> | undefined
  let template: Promise<string> | undefined
  let made = 0
  const start = (): Promise<Server> => {
    server ??= startServer()
    return server
  }
  const make = async (): Promise<{ url: string; name: string }> => {
    const { url } = await start()
    template ??= makeTemplate(url)
    const name = `espalier_test_${process.pid}_${++made}`
    await administer(url, `CREATE DATABASE ${name} TEMPLATE ${await template}`)
    return { url: withDatabase(url, name), name }
  }
  const drop = async (name: string): Promise<object> => {
    if (!/^espalier_test_\d+_\d+$/.test(name)) throw new Error(`not a test database: ${name}`)
    await administer((await start()).url, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
    return {}
  }
  const service = createServer((request, response) => {
    const work = request.method === 'DELETE' ? drop((request.url ?? '').slice(1)) : make()
    work.then(
      (answer) => response.end(JSON.stringify(answer)),
      (error) => response.writeHead(500).end(error instanceof Error ? error.message : String(error)),
    )
  })
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve))
  project.provide('postgresService', `http://127.0.0.1:${(service.address() as AddressInfo).port}/`)
  return async () => {
    service.close()
    service.closeAllConnections()
    const running = await server?.catch(() => undefined)
    if (running && template) await administer(running.url, `DROP DATABASE IF EXISTS ${await template} WITH (FORCE)`)
    await running?.close()
  }
}

async function startServer(): Promise<Server> {
  const given = process.env.ESPALIER_TEST_DATABASE_URL
  if (given) return { url: given, close: async () => undefined }
  await sweepAbandoned()
  const dataDir = mkdtempSync(join(tmpdir(), scratchPrefix))
  writeFileSync(join(dataDir, 'owner'), String(process.pid))
  const postgres = await startEmbeddedPostgres({ dataDir, durable: false })
  const close = async (): Promise<void> => {
    await postgres.close()
    rmSync(dataDir, { recursive: true })
  }
  return { url: postgres.url, close }
}

/** What a killed test run left: its server lives in a process group of its own. */
async function sweepAbandoned(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(scratchPrefix))) {
    const dataDir = join(tmpdir(), name)
    const owner = join(dataDir, 'owner')
    if (!existsSync(owner) || isAlive(Number(readFileSync(owner, 'utf8')))) continue
    await stopOrphan(join(dataDir, 'postgres/cluster'))
    rmSync(dataDir, { recursive: true, force: true })
  }
}

async function makeTemplate(url: string): Promise<string> {
  warnOfMissingMigration()
  const name = `espalier_template_${process.pid}`
  await administer(url, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
  await administer(url, `CREATE DATABASE ${name}`)
  await applyMigrations(withDatabase(url, name), migrationsDir)
  return name
}

function warnOfMissingMigration(): void {
  const newest = readdirSync(migrationsDir).sort().at(-1)
  const reached = newest && readFileSync(join(migrationsDir, newest, 'schema.prisma'), 'utf8')
  if (reached !== readFileSync(join(root, 'prisma/schema.prisma'), 'utf8')) {
    console.warn('prisma/schema.prisma has changes without a migration: node deploy/espalier.mjs dev make-migration NAME')
  }
}

async function administer(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url)
  changed.pathname = `/${name}`
  return changed.href
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
