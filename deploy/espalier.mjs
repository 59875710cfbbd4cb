#!/usr/bin/env node
// The one program: finds the command and hands over. What a command does is in deploy/commands/.
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const UNSUPPORTED = 20
const MALFORMED = 30

/** name → [file, exported function, what it does]; a name of two words comes with its subcommand. */
const COMMANDS = {
  serve: ['serve.ts', 'serveCommand', 'run the appliance'],
  agent: ['agent.ts', 'agentCommand', 'run | status | doctor | trial: the agent of this Mac'],
  proxy: ['proxy.ts', 'proxyCommand', 'the end-to-end proxy on an employee’s machine'],
  fleet: ['fleet.ts', 'fleetCommand', 'simulate --macs N --engine llama|sim --url URL --token TOKEN'],
  push: ['push.ts', 'pushCommand', 'import FILE | status: Apple’s push certificate'],
  people: ['people.ts', 'peopleCommand', 'reset-owner: when no owner can sign in any more'],
  'attest inspect': ['attest-inspect.ts', 'attestInspect', 'FILE: judge an attestation'],
  verify: ['verify.ts', 'verifyCommand', 'BUNDLE: check a compliance report offline'],
  'verify-receipt': ['verify-receipt.ts', 'verifyReceiptCommand', 'FILE: check the receipt of one request'],
  report: ['report.ts', 'reportCommand', 'TYPE --url URL --key KEY --out FILE'],
  keys: ['keys.ts', 'keysCommand', 'the keys of the installation'],
  backup: ['backup.ts', 'backupCommand', 'write a backup'],
  restore: ['restore.ts', 'restoreCommand', 'bring a backup back'],
  doctor: ['doctor.ts', 'doctorCommand', 'what is wrong with this installation'],
  'dev make-access-matrix': ['make-access-matrix.ts', 'makeAccessMatrix', 'write server/auth/access-matrix.md anew'],
  'dev write-trial-plan': ['write-trial-plan.ts', 'writeTrialPlan', 'write test/hardware/PLAN.md from the trial’s steps'],
  'dev make-migration': ['make-migration.ts', 'makeMigration', 'NAME: write the SQL for a changed prisma/schema.prisma'],
}

const commandFile = (name) => new URL(`./commands/${name}`, import.meta.url)

async function main(argv) {
  const json = argv.includes('--json')
  const words = argv.filter((word) => !word.startsWith('-'))
  const name = [words.slice(0, 2).join(' '), words[0] ?? ''].find((candidate) => Object.hasOwn(COMMANDS, candidate))
  if (!name) return withoutCommand(argv, json)
  const [file, exported] = COMMANDS[name]
  if (!existsSync(commandFile(file))) {
    return fail(json, UNSUPPORTED, 'unsupported', `“espalier ${name}” is not part of this version.`)
  }
  await continueOnNode24()
  const module = await import(commandFile(file).href)
  return module[exported](argumentsAfter(argv, name))
}

/** Everything but the command's own words, wherever options stand between them. */
function argumentsAfter(argv, name) {
  const rest = [...argv]
  for (const word of name.split(' ')) rest.splice(rest.indexOf(word), 1)
  return rest
}

function withoutCommand(argv, json) {
  const asked = argv.length === 0 || argv.includes('--help') || argv.includes('-h') || argv[0] === 'help'
  if (argv[0] === '--version') {
    console.log(JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version)
    return 0
  }
  if (!asked) return fail(json, MALFORMED, 'unknown_command', missing(argv.find((word) => !word.startsWith('-')) ?? argv[0]))
  console.log('usage: espalier COMMAND [--json]\n       espalier COMMAND --help\n       espalier --version\n')
  for (const [name, [file, , what]] of Object.entries(COMMANDS)) {
    if (existsSync(commandFile(file))) console.log(`  ${name.padEnd(20)} ${what}`)
  }
  console.log('\nexit: 0 proven or done · 10 refused · 20 unsupported or not provable · 30 malformed input')
  return 0
}

/** @param {string} word */
function missing(word) {
  const seconds = Object.keys(COMMANDS).flatMap((name) => (name.startsWith(`${word} `) ? [name.slice(word.length + 1)] : []))
  if (seconds.length === 0) return `There is no command “${word}”. “espalier --help” lists them.`
  return `“espalier ${word}” needs to be told what to do: ${seconds.join(' or ')}. See “espalier ${word} ${seconds[0]} --help”.`
}

function fail(json, exitCode, code, message) {
  if (json) console.log(JSON.stringify({ code, message }))
  else console.error(`espalier: ${message}`)
  return exitCode
}

/** The commands are TypeScript, which Node runs from 24 on. Started by an older one, this process becomes the parent of a new one. */
async function continueOnNode24() {
  if (Number(process.versions.node.split('.')[0]) >= 24) return
  const { locateNode24 } = await import('./setup/node.mjs')
  const { handOver } = await import('./setup/hand-over.mjs')
  const root = fileURLToPath(new URL('..', import.meta.url))
  const code = await handOver(locateNode24(root), [fileURLToPath(import.meta.url), ...process.argv.slice(2)], process.cwd())
  process.exit(code)
}

const json = process.argv.includes('--json')
try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.exitCode = fail(json, 1, 'internal', error instanceof Error ? error.message : String(error))
} finally {
  // The channel to whoever started us must not keep a finished command alive.
  process.channel?.unref()
}
