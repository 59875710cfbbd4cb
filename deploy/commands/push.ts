import { open } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { systemClock } from '../../server/clock.ts'
import { EnvError, readStorageEnv } from '../../server/env.ts'
import {
  findInstalledPushCertificate,
  type InstalledPushCertificate,
  installPushCertificate,
} from '../../server/installed-push-certificate.ts'
import { readPushCertificate } from '../../server/push-certificate.ts'
import { PushCertificateFault } from '../../server/push-certificate-fault.ts'
import { createSecretBox, EnvelopeDamaged, SealedWithOtherSecret, type SecretBox } from '../../server/secrets.ts'
import { createStore, type Store } from '../../server/store/client.ts'

const EXIT = { ok: 0, failed: 1, refused: 10, unsupported: 20, malformed: 30 } as const

const USAGE = `Usage: espalier push import FILE [--password-file FILE] [--json]
       espalier push status [--json]

FILE is Apple’s MDM push certificate together with its private key, as PEM or PKCS#12 (.p12).
Works on the appliance’s database: give it the same ESPALIER_MODE, DATABASE_URL and ESPALIER_SECRET.
The appliance may be running; it uses the new certificate within seconds.

Exit status: 0 done, 1 database or configuration, 10 refused (or status: none is installed, or it has expired),
20 not for evaluation mode, 30 malformed input.`

/** What the command says last: a stable code, a sentence, and for a program what it asked for. */
type Outcome = { exit: (typeof EXIT)[keyof typeof EXIT]; code: string; message: string; facts?: object }

/** `espalier push …`: installs Apple's push certificate in the appliance's database, and shows how it stands. */
export async function pushCommand(argv: string[]): Promise<number> {
  const outcome = await run(argv).catch(explain)
  const { exit, code, message, facts } = outcome
  if (argv.includes('--json')) process.stdout.write(`${JSON.stringify({ code, message, exitCode: exit, ...facts })}\n`)
  else (exit === EXIT.ok ? process.stdout : process.stderr).write(`${printable(message)}\n`)
  return exit
}

async function run(argv: string[]): Promise<Outcome> {
  const command = parseCommand(argv)
  if (command.verb === 'help') return { exit: EXIT.ok, code: 'help', message: USAGE }
  const env = readStorageEnv(process.env)
  if (env.mode === 'evaluation') {
    const message = 'In evaluation mode the software Apple brings its own push certificate. For production set ESPALIER_MODE=production.'
    return { exit: EXIT.unsupported, code: 'evaluation_mode', message }
  }
  // readStorageEnv refuses production without either; a command that went on without would work on nothing.
  if (env.databaseUrl === undefined || env.secret === undefined) throw new TypeError('production has a database and a secret')
  const secrets = createSecretBox(env.secret, env.previousSecrets)
  const certificate = command.verb === 'import' ? await readFromFiles(command) : undefined
  const { store, close } = createStore(env.databaseUrl, { maxConnections: 1 })
  try {
    return certificate === undefined ? await status({ store, secrets }) : await install({ store, secrets }, certificate)
  } finally {
    await close()
  }
}

type Place = { store: Store; secrets: SecretBox }

async function install(place: Place, certificate: ReturnType<typeof readPushCertificate>): Promise<Outcome> {
  const { replaced } = await installPushCertificate({ ...place, clock: systemClock }, certificate)
  const { topic, sha256, notAfter } = certificate
  const code = replaced === null ? 'installed' : 'renewed'
  return {
    exit: EXIT.ok,
    code,
    message: `The push certificate is ${code}.\n  topic    ${topic}\n  expires  ${day(notAfter)}: renew it before, with the same Apple account`,
    facts: { topic, sha256, expiresAt: notAfter.toISOString(), replaced },
  }
}

async function status(place: Place): Promise<Outcome> {
  const installed = await findInstalledPushCertificate(place)
  if (installed === undefined) {
    return { exit: EXIT.refused, code: 'not_installed', message: 'No push certificate is installed: no Mac can be invited.' }
  }
  const daysLeft = Math.floor((installed.notAfter.getTime() - systemClock.now().getTime()) / DAY_MS)
  const isExpired = daysLeft < 0
  return {
    exit: isExpired ? EXIT.refused : EXIT.ok,
    code: isExpired ? 'expired' : 'in_force',
    message: describe(installed, isExpired ? 'has expired: no Mac can be woken or invited' : `in force, ${daysLeft} days left`),
    facts: {
      topic: installed.topic,
      sha256: installed.sha256,
      validFrom: installed.notBefore.toISOString(),
      expiresAt: installed.notAfter.toISOString(),
      installedAt: installed.installedAt.toISOString(),
      daysLeft,
    },
  }
}

const DAY_MS = 24 * 3600_000
const day = (at: Date): string => at.toISOString().slice(0, 10)

const describe = ({ topic, sha256, notAfter, installedAt }: InstalledPushCertificate, state: string): string =>
  [
    `push certificate  ${state}`,
    `topic             ${topic}`,
    `expires           ${day(notAfter)}`,
    `installed         ${day(installedAt)}`,
    `SHA-256           ${sha256}`,
  ].join('\n')

type Command = { verb: 'import'; file: string; passwordFile: string | undefined } | { verb: 'status' } | { verb: 'help' }

class InputError extends Error {
  readonly code: 'bad_option' | 'unreadable_file'

  constructor(code: InputError['code'], message: string) {
    super(message)
    this.code = code
  }
}

function parseCommand(argv: string[]): Command {
  const { values, positionals } = parseOptions(argv)
  const [verb, file, ...more] = positionals
  if (values.help === true || verb === 'help') return { verb: 'help' }
  if (verb === 'status' && file === undefined && values['password-file'] === undefined) return { verb }
  if (verb === 'import' && file !== undefined && more.length === 0) return { verb, file, passwordFile: values['password-file'] }
  throw new InputError('bad_option', USAGE)
}

function parseOptions(argv: string[]) {
  const flag = { type: 'boolean' } as const
  try {
    return parseArgs({
      args: argv,
      allowPositionals: true,
      options: { 'password-file': { type: 'string' }, json: flag, help: { ...flag, short: 'h' } },
    })
  } catch (error) {
    throw new InputError('bad_option', error instanceof Error ? error.message : 'The options are malformed.')
  }
}

async function readFromFiles({ file, passwordFile }: { file: string; passwordFile: string | undefined }) {
  const bytes = await readBounded(file)
  const password = passwordFile === undefined ? undefined : Buffer.from(await readBounded(passwordFile)).toString('utf8')
  return readPushCertificate(bytes, { now: systemClock.now(), password: password?.replace(/\r?\n$/, '') })
}

/** Reads one byte more than any such file has at most, so that a wrong path cannot fill the memory. */
const MAX_FILE_BYTES = 256 * 1024

async function readBounded(path: string): Promise<Uint8Array> {
  try {
    await using file = await open(path)
    const chunks: Buffer[] = []
    for await (const chunk of file.createReadStream({ end: MAX_FILE_BYTES, autoClose: false })) chunks.push(chunk as Buffer)
    return new Uint8Array(Buffer.concat(chunks))
  } catch (error) {
    throw new InputError('unreadable_file', `${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}).`)
  }
}

function explain(error: unknown): Outcome {
  if (error instanceof InputError) return { exit: EXIT.malformed, code: error.code, message: error.message }
  if (error instanceof PushCertificateFault) return { exit: EXIT[error.kind], code: error.code, message: error.message }
  if (error instanceof EnvError) {
    return { exit: EXIT.failed, code: 'configuration', message: error.message, facts: { faults: error.faults } }
  }
  if (error instanceof TypeError) throw error
  const words = error instanceof Error ? error.message : String(error)
  if (error instanceof SealedWithOtherSecret || error instanceof EnvelopeDamaged)
    return { exit: EXIT.failed, code: 'secret', message: words }
  const cause = words.trim().split('\n').at(-1)
  const message = `The appliance’s database did not do it: ${cause} Check DATABASE_URL, and that the appliance has started on it once.`
  return { exit: EXIT.failed, code: 'database', message }
}

/** Names come from the certificate; control characters stay out of the terminal. */
const printable = (text: string): string => text.replace(/(?!\n)[\p{Cc}\p{Cf}]/gu, '�')
