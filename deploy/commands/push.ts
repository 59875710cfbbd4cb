import { parseArgs } from 'node:util'
import { systemClock } from '../../server/clock.ts'
import { EnvError, readStorageEnv } from '../../server/env.ts'
import { readPushCertificate } from '../../server/push/certificate.ts'
import { PushCertificateFault } from '../../server/push/certificate-fault.ts'
import {
  findInstalledPushCertificate,
  type InstalledPushCertificate,
  installPushCertificate,
} from '../../server/push/installed-certificate.ts'
import { findRequestKey } from '../../server/push/push-request.ts'
import { createSecretBox, EnvelopeDamaged, SealedWithOtherSecret } from '../../server/secrets.ts'
import { createStore } from '../../server/store/client.ts'
import { findPushRequest } from '../../server/store/push-requests.ts'
import { EXIT, InputError, type Outcome, type Place, readBounded, readSecretLine } from './push-outcome.ts'
import { type RequestWish, request, type VendorSignWish, vendorSign } from './push-request.ts'

const USAGE = `Usage: espalier push request --organization NAME --email ADDRESS [--out FILE]
       espalier push request [--out FILE | --discard]
       espalier push vendor-sign --own FILE [--password-file FILE] [--out FILE]
       espalier push vendor-sign --signed FILE [--out FILE]
       espalier push vendor-sign --mdmcert-key-file FILE [--email ADDRESS]
       espalier push vendor-sign --mail FILE.p7 [--out FILE]
       espalier push import FILE [--password-file FILE] [--any-issuer] [--lose-macs N]
       espalier push status
Every one takes --json.

request      makes the private key, which stays in the database sealed, and the request for it; or shows the one under way
vendor-sign  has it signed by your own MDM vendor certificate (--own), takes it as a vendor signed it elsewhere (--signed), sends
             it to mdmcert.download (--mdmcert-key-file), or opens its mail (--mail); what comes is uploaded at identity.apple.com
import       puts Apple’s certificate in force: alone, for the request under way, or together with its key, as PEM or PKCS#12

Works on the appliance’s database: give it the same ESPALIER_MODE, DATABASE_URL and ESPALIER_SECRET.
The appliance may be running; it uses the new certificate within seconds. A certificate of another topic is refused while Macs
answer to the old one; --lose-macs with their very number gives them up.

Exit status: 0 done, 1 database or configuration, 10 refused (or status: none is installed, or it has expired),
20 not for evaluation mode, 30 malformed input.`

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
  const { store, close } = createStore(env.databaseUrl, { maxConnections: 1 })
  const place: Place = { store, secrets, clock: systemClock, mdmcertUrl: env.mdmcertUrl }
  try {
    return await runIn(place, command)
  } finally {
    await close()
  }
}

async function runIn(place: Place, command: Exclude<Command, { verb: 'help' }>): Promise<Outcome> {
  switch (command.verb) {
    case 'request':
      return request(place, command)
    case 'vendor-sign':
      return vendorSign(place, command)
    case 'import':
      return install(place, command)
    case 'status':
      return status(place)
    default:
      return command satisfies never
  }
}

async function install(place: Place, { file, passwordFile, anyIssuer, losingMacs }: ImportWish): Promise<Outcome> {
  const bytes = await readBounded(file)
  const [password, requestKey] = [await readSecretLine(passwordFile), await findRequestKey(place)]
  const certificate = readPushCertificate(bytes, { now: systemClock.now(), password, requestKey, strictIssuer: !anyIssuer })
  const { replaced, macsLost } = await installPushCertificate(place, certificate, { losingMacs })
  const { topic, sha256, notAfter } = certificate
  const code = replaced === null ? 'installed' : 'renewed'
  const lost = macsLost === 0 ? '' : `\n  lost     ${macsLost} Macs, until they are enrolled anew`
  return {
    exit: EXIT.ok,
    code,
    message: `The push certificate is ${code}.\n  topic    ${topic}\n  expires  ${day(notAfter)}: renew it before, with the same Apple account${lost}`,
    facts: { topic, sha256, expiresAt: notAfter.toISOString(), replaced, macsLost },
  }
}

async function status(place: Place): Promise<Outcome> {
  const installed = await findInstalledPushCertificate(place)
  const pending = await findPushRequest(place.store)
  const request = pending === undefined ? null : { createdAt: pending.createdAt.toISOString(), isSigned: pending.signedRequest !== null }
  if (installed === undefined) {
    const message = `No push certificate is installed: no Mac can be invited.${request === null ? '' : ' A request for one is under way.'}`
    return { exit: EXIT.refused, code: 'not_installed', message, facts: { request } }
  }
  const left = installed.notAfter.getTime() - systemClock.now().getTime()
  const daysLeft = Math.floor(left / DAY_MS)
  const isExpired = left <= 0
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
      fault: isExpired ? 'PUSH_CERT_EXPIRED' : null,
      request,
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

type ImportWish = {
  verb: 'import'
  file: string
  passwordFile: string | undefined
  anyIssuer: boolean
  losingMacs: number | undefined
}
type Command = ImportWish | RequestWish | VendorSignWish | { verb: 'status' } | { verb: 'help' }

/** What each verb takes besides --json and --help. */
const TAKES: Record<string, readonly string[]> = {
  status: [],
  request: ['organization', 'email', 'out', 'discard'],
  'vendor-sign': ['own', 'signed', 'mdmcert-key-file', 'mail', 'password-file', 'email', 'out'],
  import: ['password-file', 'any-issuer', 'lose-macs'],
}

function parseCommand(argv: string[]): Command {
  const { values, positionals } = parseOptions(argv)
  const [verb = '', file, ...more] = positionals
  if (values.help === true || verb === 'help') return { verb: 'help' }
  const takes = Object.hasOwn(TAKES, verb) ? TAKES[verb] : undefined
  const given = Object.keys(values).filter((name) => name !== 'json')
  const hasFile = file !== undefined && more.length === 0
  if (takes === undefined || given.some((name) => !takes.includes(name)) || (verb === 'import') !== hasFile || more.length > 0)
    throw badOption()
  if (verb === 'import') return toImport(file as string, values)
  if (verb === 'request') return toRequest(values)
  return verb === 'vendor-sign' ? toVendorSign(values) : { verb: 'status' }
}

const badOption = (): InputError => new InputError('bad_option', USAGE)

function toImport(file: string, values: Values): ImportWish {
  const losing = values['lose-macs']
  if (losing !== undefined && !/^\d{1,7}$/.test(losing)) throw badOption()
  return {
    verb: 'import',
    file,
    passwordFile: values['password-file'],
    anyIssuer: values['any-issuer'] === true,
    losingMacs: losing === undefined ? undefined : Number(losing),
  }
}

function toRequest({ organization, email, out, discard = false }: Values): RequestWish {
  const isNamed = organization !== undefined && email !== undefined
  if (!isNamed && (organization !== undefined || email !== undefined)) throw badOption()
  if (discard && (isNamed || out !== undefined)) throw badOption()
  return { verb: 'request', name: isNamed ? { organization, email } : undefined, discard, out }
}

function toVendorSign(values: Values): VendorSignWish {
  const { own, signed, mail, out, email } = values
  const [keyFile, passwordFile] = [values['mdmcert-key-file'], values['password-file']]
  const ways = [own, signed, keyFile, mail].filter((way) => way !== undefined)
  const isOdd = (passwordFile !== undefined && own === undefined) || (email !== undefined && keyFile === undefined)
  if (ways.length !== 1 || isOdd || (keyFile !== undefined && out !== undefined)) throw badOption()
  const verb = 'vendor-sign'
  if (own !== undefined) return { verb, way: { by: 'own', file: own, passwordFile }, out }
  if (signed !== undefined) return { verb, way: { by: 'elsewhere', file: signed }, out }
  if (mail !== undefined) return { verb, way: { by: 'mail', file: mail }, out }
  return { verb, way: { by: 'mdmcert', keyFile: keyFile as string, email }, out }
}

type Values = ReturnType<typeof parseOptions>['values']

function parseOptions(argv: string[]) {
  const flag = { type: 'boolean' } as const
  const text = { type: 'string' } as const
  try {
    return parseArgs({
      args: argv,
      allowPositionals: true,
      options: {
        ...{ organization: text, email: text, out: text, discard: flag },
        ...{ own: text, signed: text, mail: text, 'mdmcert-key-file': text, 'password-file': text },
        ...{ 'any-issuer': flag, 'lose-macs': text, json: flag, help: { ...flag, short: 'h' } },
      },
    })
  } catch (error) {
    throw new InputError('bad_option', error instanceof Error ? error.message : 'The options are malformed.')
  }
}

function explain(error: unknown): Outcome {
  if (error instanceof InputError) return { exit: EXIT.malformed, code: error.code, message: error.message }
  if (error instanceof PushCertificateFault)
    return {
      exit: EXIT[error.kind],
      code: error.code,
      message: error.message,
      ...(error.macsLost !== undefined && { facts: { macsLost: error.macsLost } }),
    }
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
