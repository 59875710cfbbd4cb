import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PrismaPg } from '@prisma/adapter-pg'
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils'
import type { DiffTarget } from '@prisma/schema-engine-wasm'
import { startEmbeddedPostgres } from '../../server/store/embedded-postgres.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const migrationsDir = join(root, 'prisma/migrations')
const schemaPath = join(root, 'prisma/schema.prisma')

/**
 * `espalier dev make-migration NAME`: writes the SQL that leads from the newest migration to prisma/schema.prisma, and beside it
 * the schema that it leads to, from which the next one starts.
 * `--replace` writes the newest migration anew: only for one that no installation has applied yet.
 */
export async function makeMigration(argv: string[]): Promise<number> {
  const replace = argv.includes('--replace')
  const name = argv.find((argument) => !argument.startsWith('--'))
  if (!replace && !/^[a-z][a-z0-9_]*$/.test(name ?? '')) {
    console.error(
      'usage: espalier dev make-migration NAME   (lower case letters, digits and _)\n       espalier dev make-migration --replace',
    )
    return 30
  }
  await mkdir(migrationsDir, { recursive: true })
  const present = (await readdir(migrationsDir)).sort()
  const replaced = replace ? present.pop() : undefined
  const schema = await readFile(schemaPath, 'utf8')
  const previous = await schemaAfter(present.at(-1))
  const sql = await withScratchDatabase((url) => diffToSchema(url, previous, schema))
  if (sql === '') {
    console.log('The migrations already lead to this schema.')
    return 0
  }
  const directory = join(migrationsDir, replaced ?? `${timestamp(new Date())}_${name}`)
  if (replaced) await rm(directory, { recursive: true })
  await mkdir(directory)
  await writeFile(join(directory, 'migration.sql'), sql)
  await writeFile(join(directory, 'schema.prisma'), schema)
  console.log(join(directory, 'migration.sql'))
  return 0
}

async function schemaAfter(migration: string | undefined): Promise<string | undefined> {
  return migration === undefined ? undefined : readFile(join(migrationsDir, migration, 'schema.prisma'), 'utf8')
}

async function withScratchDatabase<T>(use: (url: string) => Promise<T>): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), 'espalier-migration-'))
  const postgres = await startEmbeddedPostgres({ dataDir, durable: false })
  try {
    return await use(postgres.url)
  } finally {
    await postgres.close()
    await rm(dataDir, { recursive: true })
  }
}

/**
 * Prisma's schema engine in its WASM form: the native one would have to be downloaded from outside the npm registry. It compares
 * schema with schema and asks the database only for its version (adapter-pg cannot hand it the catalogue's "char" columns).
 */
async function diffToSchema(url: string, from: string | undefined, to: string): Promise<string> {
  const { SchemaEngine } = await loadSchemaEngine()
  const adapter = bindMigrationAwareSqlAdapterFactory(new PrismaPg({ connectionString: url }))
  const engine = await SchemaEngine.new({ datamodels: undefined }, () => undefined, adapter)
  const target = (content: string): DiffTarget => ({ tag: 'schemaDatamodel', files: [{ path: schemaPath, content }] })
  try {
    const diff = await engine.diff({
      from: from === undefined ? { tag: 'empty' } : target(from),
      to: target(to),
      script: true,
      exitCode: null,
      filters: { externalTables: [], externalEnums: [] },
    })
    const sql = diff.stdout ?? ''
    return sql.includes('This is an empty migration') ? '' : sql
  } finally {
    engine.free()
  }
}

type Instantiated = { instance: { exports: Record<string, unknown> } }
/** Node has it; its types come with the browser's, which this program must not see. */
const webAssembly = (globalThis as unknown as { WebAssembly: { instantiate(code: Uint8Array, imports: object): Promise<Instantiated> } })
  .WebAssembly

/** The package imports its .wasm as a module, which Node does only behind a flag; this is what that import would do. */
async function loadSchemaEngine() {
  const bindings = await import('@prisma/schema-engine-wasm/schema_engine_bg')
  const bindingsUrl = import.meta.resolve('@prisma/schema-engine-wasm/schema_engine_bg')
  const wasm = await readFile(fileURLToPath(bindingsUrl.replace(/\.js$/, '.wasm')))
  const { instance } = await webAssembly.instantiate(wasm, { './schema_engine_bg.js': bindings })
  bindings.__wbg_set_wasm(instance.exports)
  ;(instance.exports.__wbindgen_start as () => void)()
  return bindings
}

const timestamp = (at: Date): string => at.toISOString().replace(/\D/g, '').slice(0, 14)
