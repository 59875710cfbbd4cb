import { existsSync } from 'node:fs'
import { isIP } from 'node:net'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { isProxyRange } from './trusted-proxies.ts'

/** What the appliance was told by its environment, checked once. Each variable has its line in deploy/OPERATIONS.md. */
export type Env = {
  mode: 'evaluation' | 'production'
  port: number
  /** The address to listen on. */
  host: string
  /** Absolute. */
  dataDir: string
  /** Without a slash at its end. */
  publicUrl: string
  /** Undefined: embedded PostgreSQL. */
  databaseUrl: string | undefined
  /** Undefined: the bus stays inside the process. */
  natsUrl: string | undefined
  tls: { certFile: string; keyFile: string } | undefined
  /** Addresses and CIDR ranges of the proxies in front: whose word on a caller's address is believed. */
  trustedProxies: string[]
  /** Where the certificate of a Mac's TLS connection is learned from, to be held against its Mdm-Signature. */
  clientCertificates: { from: 'nowhere' } | { from: 'listener' } | { from: 'header'; name: string }
  /** RSA identities without attestation, for Macs that have no Secure Enclave to attest: managed, never trusted. */
  scep: boolean
  /** Undefined: generated at the first start (evaluation only). */
  secret: string | undefined
  /** Secrets replaced by `secret`, still good for opening. */
  previousSecrets: string[]
  /** How many Macs Apple is asked about at once over ACME, over how long such wishes are spread, and how strongly keys are bound. */
  reattestation: { concurrency: number; jitterMs: number }
  keyBindingAmbition: 'ticket' | 'mdm-signed' | 'apple'
  /** How fast Macs are woken. */
  push: { perSecond: number; concurrency: number }
  /** Where a request for a push certificate goes, when an administrator chooses mdmcert.download. */
  mdmcertUrl: string
  /** Undefined: /metrics is closed. */
  metricsToken: string | undefined
  logLevel: 'debug' | 'info' | 'warn' | 'error'
  /** How many Macs made of software to start. Zero in production, always. */
  softwareMacs: number
  /** The engine that they run. */
  softwareEngine: 'llama' | 'sim'
}

export type EnvFault = { variable: string; fault: string; remedy: string }

export class EnvError extends Error {
  override readonly name = 'EnvError'
  readonly faults: EnvFault[]

  constructor(faults: EnvFault[]) {
    super(
      ['Espalier cannot start with this configuration:', ...faults.map((f) => `  ${f.variable}: ${f.fault}\n    → ${f.remedy}`)].join('\n'),
    )
    this.faults = faults
  }
}

const MIN_SECRET_LENGTH = 32
/** Words that stand in examples, and in configurations copied from them. */
const KNOWN_WEAK = /change.?me|secret|password|example|default|placeholder|espalier|your.?key/i

const integer = (min: number, max: number, remedy: string) =>
  z
    .string()
    .regex(/^\d{1,9}$/, remedy)
    .transform(Number)
    .refine((value) => value >= min && value <= max, remedy)

/** A list separated by commas. */
const entriesOf = (list = ''): string[] =>
  list
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')

const url = (protocols: string[], remedy: string) =>
  z.string().refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol), remedy)

const file = (what: string) => z.string().refine((path) => existsSync(path), `Name ${what} in PEM form that exists and can be read.`)

/** The message of each check is its remedy. */
const schema = z.object({
  ESPALIER_MODE: z.enum(['evaluation', 'production'], 'Use “evaluation” or “production”.').default('evaluation'),
  PORT: integer(1, 65_535, 'Use a port between 1 and 65535.').default(3200),
  ESPALIER_HOST: z
    .string()
    .refine((host) => isIP(host) !== 0 || host === 'localhost', 'Use the IP address to listen on, such as 127.0.0.1 or 0.0.0.0.')
    .optional(),
  ESPALIER_DATA: z.string().default('.espalier'),
  ESPALIER_PUBLIC_URL: url(
    ['http:', 'https:'],
    'Use the address under which Macs and browsers reach this appliance, such as https://espalier.example.com.',
  ).optional(),
  DATABASE_URL: url(
    ['postgres:', 'postgresql:'],
    'Use postgresql://USER:PASSWORD@HOST:5432/DATABASE, with special characters of the password URL-encoded (“@” is %40).',
  ).optional(),
  NATS_URL: url(['nats:', 'tls:'], 'Use nats://HOST:4222 or tls://HOST:4222.').optional(),
  ESPALIER_TLS_CERT: file('a certificate chain').optional(),
  ESPALIER_TLS_KEY: file('the private key of ESPALIER_TLS_CERT').optional(),
  ESPALIER_TRUSTED_PROXIES: z
    .string()
    .refine(
      (list) => entriesOf(list).every(isProxyRange),
      'Use the addresses of the proxies in front of this appliance, such as 127.0.0.1 or 10.0.0.0/8, separated by commas.',
    )
    .optional(),
  ESPALIER_CLIENT_CERTIFICATES: z
    .string()
    .regex(
      /^(off|listener|header:[A-Za-z0-9-]{1,64})$/,
      'Use off, listener, or header:NAME with the header in which your proxy passes it on.',
    )
    .default('off'),
  ESPALIER_SCEP: z.enum(['off', 'on'], 'Use off or on.').default('off'),
  ESPALIER_SECRET: z
    .string()
    .min(MIN_SECRET_LENGTH, `Use at least ${MIN_SECRET_LENGTH} random characters: openssl rand -base64 32`)
    .optional(),
  ESPALIER_PREVIOUS_SECRETS: z.string().optional(),
  ESPALIER_REATTEST_CONCURRENCY: integer(1, 1000, 'Use a number between 1 and 1000.').default(32),
  ESPALIER_REATTEST_JITTER_SECONDS: integer(0, 900, 'Use a number of seconds between 0 and 900.').default(20),
  ESPALIER_KEY_BINDING: z.enum(['ticket', 'mdm-signed', 'apple'], 'Use ticket, mdm-signed or apple.').default('ticket'),
  ESPALIER_PUSHES_PER_SECOND: integer(1, 1000, 'Use a number between 1 and 1000.').default(50),
  ESPALIER_PUSH_CONCURRENCY: integer(1, 500, 'Use a number between 1 and 500.').default(50),
  ESPALIER_MDMCERT_URL: url(
    ['https:', 'http:'],
    'Use the address of the signing service, such as https://mdmcert.download/api/v1/signrequest.',
  ).default('https://mdmcert.download/api/v1/signrequest'),
  ESPALIER_METRICS_TOKEN: z.string().min(16, 'Use at least 16 random characters: openssl rand -hex 16').optional(),
  ESPALIER_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error'], 'Use debug, info, warn or error.').default('info'),
  ESPALIER_SOFTWARE_MACS: integer(0, 64, 'Use a number between 0 and 64.').optional(),
  ESPALIER_SOFTWARE_ENGINE: z.enum(['llama', 'sim'], 'Use llama or sim.').default('llama'),
})

type Variables = z.output<typeof schema>

/** Reads the environment. Throws an EnvError that lists every fault at once, each with its remedy. */
export function readEnv(environment: Record<string, string | undefined>, cwd = process.cwd()): Env {
  const { env, faults } = inspectEnv(environment, cwd)
  if (faults.length > 0) throw new EnvError(faults)
  return env
}

const STORAGE_VARIABLES = ['ESPALIER_MODE', 'DATABASE_URL', 'ESPALIER_SECRET', 'ESPALIER_PREVIOUS_SECRETS', 'ESPALIER_MDMCERT_URL']

export type StorageEnv = Pick<Env, 'mode' | 'databaseUrl' | 'secret' | 'previousSecrets' | 'mdmcertUrl'>

/** For a command that works on the stored keys beside the appliance: only what that needs has to be there. Throws an EnvError. */
export function readStorageEnv(environment: Record<string, string | undefined>): StorageEnv {
  const { env, faults } = inspectEnv(environment, process.cwd())
  const relevant = faults.filter(({ variable }) => STORAGE_VARIABLES.includes(variable))
  if (relevant.length > 0) throw new EnvError(relevant)
  const { mode, databaseUrl, secret, previousSecrets, mdmcertUrl } = env
  return { mode, databaseUrl, secret, previousSecrets, mdmcertUrl }
}

function inspectEnv(environment: Record<string, string | undefined>, cwd: string): { env: Env; faults: EnvFault[] } {
  // An empty variable, as compose files and unit files leave them, is an absent one.
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''))
  const parsed = schema.safeParse(given)
  const faults = parsed.success ? [] : parsed.error.issues.map(toFault)
  // The rules look at what could be read, so that one unreadable port does not hide a weak secret.
  const readable = parsed.success ? parsed.data : readWhatIsSound(given, faults)
  const env = toEnv(readable, cwd)
  const isFaulty = new Set(faults.map((fault) => fault.variable))
  faults.push(...findContradictions(readable, env).filter((fault) => !isFaulty.has(fault.variable)))
  return { env, faults }
}

const toFault = (issue: z.core.$ZodIssue): EnvFault => ({ variable: String(issue.path[0]), fault: 'is not valid.', remedy: issue.message })

function readWhatIsSound(given: Record<string, string | undefined>, faults: EnvFault[]): Variables {
  const bad = new Set(faults.map((fault) => fault.variable))
  const sound = Object.entries(given).filter(([name]) => !bad.has(name))
  return schema.parse(Object.fromEntries(sound))
}

function toEnv(v: Variables, cwd: string): Env {
  const isProduction = v.ESPALIER_MODE === 'production'
  const tls = v.ESPALIER_TLS_CERT && v.ESPALIER_TLS_KEY ? { certFile: v.ESPALIER_TLS_CERT, keyFile: v.ESPALIER_TLS_KEY } : undefined
  const publicUrl = v.ESPALIER_PUBLIC_URL ?? `${tls ? 'https' : 'http'}://localhost:${v.PORT}`
  return {
    mode: v.ESPALIER_MODE,
    port: v.PORT,
    // Plain HTTP stays on this machine unless somebody says otherwise; production's own rules are below.
    host: v.ESPALIER_HOST ?? (tls ? '0.0.0.0' : '127.0.0.1'),
    dataDir: resolve(cwd, v.ESPALIER_DATA),
    publicUrl: publicUrl.replace(/\/+$/, ''),
    databaseUrl: v.DATABASE_URL,
    natsUrl: v.NATS_URL,
    tls,
    trustedProxies: entriesOf(v.ESPALIER_TRUSTED_PROXIES),
    clientCertificates: toClientCertificates(v.ESPALIER_CLIENT_CERTIFICATES),
    scep: v.ESPALIER_SCEP === 'on',
    secret: v.ESPALIER_SECRET,
    previousSecrets: v.ESPALIER_PREVIOUS_SECRETS?.split(',').filter((secret) => secret !== '') ?? [],
    reattestation: {
      concurrency: v.ESPALIER_REATTEST_CONCURRENCY,
      jitterMs: v.ESPALIER_REATTEST_JITTER_SECONDS * 1000,
    },
    keyBindingAmbition: v.ESPALIER_KEY_BINDING,
    push: { perSecond: v.ESPALIER_PUSHES_PER_SECOND, concurrency: v.ESPALIER_PUSH_CONCURRENCY },
    mdmcertUrl: v.ESPALIER_MDMCERT_URL,
    metricsToken: v.ESPALIER_METRICS_TOKEN,
    logLevel: v.ESPALIER_LOG_LEVEL,
    softwareMacs: v.ESPALIER_SOFTWARE_MACS ?? (isProduction ? 0 : 2),
    softwareEngine: v.ESPALIER_SOFTWARE_ENGINE,
  }
}

function toClientCertificates(setting: string): Env['clientCertificates'] {
  if (setting === 'off') return { from: 'nowhere' }
  return setting === 'listener' ? { from: 'listener' } : { from: 'header', name: setting.slice('header:'.length).toLowerCase() }
}

/** What each variable allows alone and the whole does not. */
function findContradictions(v: Variables, env: Env): EnvFault[] {
  const faults: EnvFault[] = []
  const add = (variable: string, fault: string, remedy: string): void => {
    faults.push({ variable, fault, remedy })
  }
  if (Boolean(v.ESPALIER_TLS_CERT) !== Boolean(v.ESPALIER_TLS_KEY)) {
    add(
      v.ESPALIER_TLS_CERT ? 'ESPALIER_TLS_KEY' : 'ESPALIER_TLS_CERT',
      'is missing beside its other half.',
      'Set ESPALIER_TLS_CERT and ESPALIER_TLS_KEY together.',
    )
  }
  if (env.clientCertificates.from === 'listener' && env.tls === undefined) {
    add(
      'ESPALIER_CLIENT_CERTIFICATES',
      'is “listener”, but this appliance does not end TLS itself.',
      'Set ESPALIER_TLS_CERT and ESPALIER_TLS_KEY, or use header:NAME behind a proxy that does.',
    )
  }
  if (env.clientCertificates.from === 'header' && env.trustedProxies.length === 0) {
    add(
      'ESPALIER_CLIENT_CERTIFICATES',
      'names a header that nobody is trusted to set.',
      'Set ESPALIER_TRUSTED_PROXIES to the proxies that end TLS and set this header themselves.',
    )
  }
  if (URL.canParse(env.publicUrl) && !/^\/?$/.test(new URL(env.publicUrl).pathname)) {
    add('ESPALIER_PUBLIC_URL', 'has a path.', 'Give the appliance a host name of its own; Macs keep its addresses for years.')
  }
  const { protocol, hostname } = new URL(env.publicUrl)
  if (env.mode === 'evaluation' && env.softwareMacs > 0 && protocol === 'http:' && !isLoopback(hostname)) {
    add(
      'ESPALIER_PUBLIC_URL',
      'is plain HTTP to another machine.',
      'Use an https:// address, or leave it out: agents speak plain HTTP to their own machine only.',
    )
  }
  if (env.natsUrl !== undefined) {
    add(
      'NATS_URL',
      'is set, but this version runs as one replica.',
      'Leave it out; several replicas behind a bus come with a later version.',
    )
  }
  if (env.mode === 'production') findProductionFaults(v, env, add)
  return faults
}

type AddFault = (variable: string, fault: string, remedy: string) => void

function findProductionFaults(v: Variables, env: Env, add: AddFault): void {
  if (!v.ESPALIER_PUBLIC_URL) {
    add(
      'ESPALIER_PUBLIC_URL',
      'is missing.',
      'Set the address under which Macs and browsers reach this appliance, such as https://espalier.example.com.',
    )
  } else if (!env.publicUrl.startsWith('https:')) {
    add(
      'ESPALIER_PUBLIC_URL',
      'is plain HTTP.',
      'Use an https:// address: Macs enroll over nothing else, and API keys travel in every request.',
    )
  }
  if (!env.tls && !isLoopback(env.host)) {
    add(
      'ESPALIER_TLS_CERT',
      `is missing, and ${env.host} is not an address of this machine alone.`,
      'Set ESPALIER_TLS_CERT and ESPALIER_TLS_KEY, or listen on 127.0.0.1 behind a proxy that speaks TLS (ESPALIER_HOST=127.0.0.1).',
    )
  }
  if (!env.secret) {
    add('ESPALIER_SECRET', 'is missing.', 'Set a secret of your own, kept apart from the database and its backups: openssl rand -base64 32')
  } else if (isWeak(env.secret)) {
    add('ESPALIER_SECRET', 'is a known or easily guessed value.', 'Set a random one: openssl rand -base64 32')
  }
  if (!env.databaseUrl) {
    add(
      'DATABASE_URL',
      'is missing; the embedded database is for evaluation.',
      'Set DATABASE_URL to a PostgreSQL 15 or newer that is backed up.',
    )
  }
  if (existsSync(join(env.dataDir, 'evaluation-root.pem'))) {
    add(
      'ESPALIER_DATA',
      `${env.dataDir} was used for evaluation and holds its attestation root.`,
      'Use a new folder: nothing that evaluation trusted goes into production.',
    )
  }
  if (env.softwareMacs > 0) {
    add('ESPALIER_SOFTWARE_MACS', 'asks for Macs made of software.', 'Remove it: production trusts real Macs only, under Apple’s root.')
  }
  if (!env.mdmcertUrl.startsWith('https:')) {
    add('ESPALIER_MDMCERT_URL', 'is plain HTTP.', 'Use an https:// address, or leave it out: the request names your organisation.')
  }
  if (v.ESPALIER_METRICS_TOKEN && isWeak(v.ESPALIER_METRICS_TOKEN)) {
    add('ESPALIER_METRICS_TOKEN', 'is a known or easily guessed value.', 'Set a random one: openssl rand -hex 16')
  }
}

const isLoopback = (host: string): boolean => ['localhost', '::1', '[::1]'].includes(host) || /^127\.[\d.]+$/.test(host)

/** Random characters hold neither such words nor so few different ones (32 random hex digits hold about 14). */
function isWeak(secret: string): boolean {
  return KNOWN_WEAK.test(secret) || new Set(secret).size < 8
}
