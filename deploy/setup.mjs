// What `npm start`, `npm test`, `npm run check`, `bench` and `dev` call first: brings a fresh clone to the state in which the
// program can run, says what it does, and skips what is done. Runs on the system's Node ≥ 20.11 and only with what is built in,
// because nothing is installed yet. Downloads from the npm registry only.
import { fileURLToPath } from 'node:url'
import { handOver } from './setup/hand-over.mjs'
import { locateNode24, refuseOldNode } from './setup/node.mjs'
import { installPackages } from './setup/packages.mjs'
import { buildConsole, generateClient, hydratePostgres, linkCommand } from './setup/prepare.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))

/** What runs afterwards under Node 24. */
const PROGRAMS = {
  start: { run: ['deploy/espalier.mjs', 'serve'], needsConsole: true },
  dev: { run: ['deploy/espalier.mjs', 'serve', '--dev'], needsConsole: false },
  test: { run: ['test/run.ts'], needsConsole: true },
  check: { run: ['test/check.ts'], needsConsole: false },
  bench: { run: ['test/bench/main.ts'], needsConsole: true },
  /** Prepares only: for containers and packages. */
  setup: { run: undefined, needsConsole: true },
}

async function main([name = '', ...rest]) {
  const program = PROGRAMS[name]
  if (!program) {
    console.error(`usage: node deploy/setup.mjs ${Object.keys(PROGRAMS).join('|')}`)
    return 30
  }
  refuseOldNode()
  installPackages(root)
  const node = locateNode24(root)
  hydratePostgres(root)
  generateClient(root, node)
  linkCommand(root)
  if (program.needsConsole) buildConsole(root, node)
  return program.run ? handOver(node, [...program.run, ...rest], root) : 0
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  // A fault of set-up is a sentence with a remedy; its stack helps nobody.
  console.error(`\n${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
}
