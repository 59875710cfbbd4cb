import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { AgentSettings } from './agent-process.ts'
import type { Posture } from './device.ts'
import type { Misbehaviour } from './misbehaviour.ts'

export type MacOptions = {
  directory: string
  appleDirectory: string
  /** Needed until the Mac has enrolled once. */
  enrollUrl: string | undefined
  serial: string | undefined
  /** Where the server that this Mac enrolled with is reached now, if that may have changed. */
  serverAddress: string | undefined
  /** Undefined: no agent. */
  agent: AgentSettings | undefined
  posture: Posture
  misbehaviour: Misbehaviour
  isRebooted: boolean
  isAsleep: boolean
  reauthenticates: boolean
  unenrolls: boolean
  /** Boots into Setup Assistant and asks Apple for its enrollment. */
  isAutomated: boolean
  rotatesToken: boolean
  /** Asks for its bootstrap token and says whether it is the one. */
  getsBootstrapToken: boolean
  /** Without: no Platform SSO extension. */
  hasPlatformSso: boolean
  /** No MDM at all: only an agent that says it runs on the Mac of this serial number. */
  claim: { serial: string; serverUrl: string; ssoOf: string | undefined } | undefined
}

export class OptionFault extends Error {}

const FLAGS = {
  dir: { type: 'string' },
  apple: { type: 'string' },
  'enroll-url': { type: 'string' },
  serial: { type: 'string' },
  engine: { type: 'string' },
  slots: { type: 'string' },
  'ttft-ms': { type: 'string' },
  'itl-ms': { type: 'string' },
  model: { type: 'string', multiple: true },
  'no-agent': { type: 'boolean' },
  // posture
  sip: { type: 'string' },
  'secure-boot': { type: 'string' },
  kexts: { type: 'string' },
  os: { type: 'string' },
  filevault: { type: 'string' },
  'remote-desktop': { type: 'string' },
  intel: { type: 'boolean' },
  'user-enrollment': { type: 'boolean' },
  // conduct
  reboot: { type: 'boolean' },
  asleep: { type: 'boolean' },
  reauthenticate: { type: 'boolean' },
  unenroll: { type: 'boolean' },
  ade: { type: 'boolean' },
  'rotate-token': { type: 'boolean' },
  'get-bootstrap-token': { type: 'boolean' },
  'no-sso': { type: 'boolean' },
  // lies
  'attested-serial': { type: 'string' },
  nonce: { type: 'string' },
  'acme-freshness': { type: 'string' },
  'csr-key': { type: 'string' },
  root: { type: 'string' },
  'security-info': { type: 'string' },
  'certificate-list': { type: 'string' },
  sso: { type: 'string' },
  renewal: { type: 'string' },
  'machine-info': { type: 'string' },
  declarations: { type: 'string' },
  'bootstrap-token': { type: 'string' },
  'claim-serial': { type: 'string' },
  'server-url': { type: 'string' },
  'sso-of': { type: 'string' },
} as const

const DEMO_MODEL = join(import.meta.dirname, '../../models/demo')

type Flag = keyof typeof FLAGS
type Read = (flag: Flag) => string | undefined
type Environment = Record<string, string | undefined>

/** Flags win over the environment: `--secure-boot` is also SOFTWARE_MAC_SECURE_BOOT, a switch is on where its variable is `1`. */
export function parseMacOptions(argv: string[], env: Environment): MacOptions {
  const values = parseFlags(argv)
  const read: Read = (flag) => {
    const value = values[flag]
    return typeof value === 'string' ? value : env[`SOFTWARE_MAC_${flag.toUpperCase().replaceAll('-', '_')}`]
  }
  const isOn = (flag: Flag) => values[flag] === true || env[`SOFTWARE_MAC_${flag.toUpperCase().replaceAll('-', '_')}`] === '1'
  // The sim engine only echoes: under the demo model's name its words would pass for the model's.
  const modelName = read('engine') === 'sim' ? 'espalier-sim' : 'espalier-demo'
  const models = (values.model as string[] | undefined) ?? [`${modelName}=${DEMO_MODEL}`]
  return {
    directory: resolve(required(read, 'dir')),
    appleDirectory: resolve(required(read, 'apple')),
    enrollUrl: read('enroll-url'),
    serial: read('serial'),
    serverAddress: read('server-url'),
    agent: isOn('no-agent') ? undefined : agentSettings(read, models),
    posture: postureOf(read, isOn),
    misbehaviour: misbehaviourOf(read),
    isRebooted: isOn('reboot'),
    isAsleep: isOn('asleep'),
    reauthenticates: isOn('reauthenticate'),
    unenrolls: isOn('unenroll'),
    isAutomated: isOn('ade'),
    rotatesToken: isOn('rotate-token'),
    getsBootstrapToken: isOn('get-bootstrap-token'),
    hasPlatformSso: !isOn('no-sso'),
    claim: claimOf(read),
  }
}

function parseFlags(argv: string[]): Record<string, string | boolean | (string | boolean)[] | undefined> {
  try {
    return parseArgs({ args: argv, options: FLAGS }).values
  } catch (error) {
    throw new OptionFault(error instanceof Error ? error.message : String(error))
  }
}

function agentSettings(read: Read, models: string[]): AgentSettings {
  return {
    engine: oneOf(read, 'engine', ['llama', 'sim']) ?? 'llama',
    slots: count(read, 'slots'),
    ttftMs: count(read, 'ttft-ms'),
    itlMs: count(read, 'itl-ms'),
    models,
  }
}

function postureOf(read: Read, isOn: (flag: Flag) => boolean): Posture {
  const sip = oneOf(read, 'sip', ['on', 'off'])
  const secureBoot = oneOf(read, 'secure-boot', ['full', 'reduced', 'permissive'])
  const kexts = oneOf(read, 'kexts', ['allowed', 'none'])
  const fileVault = oneOf(read, 'filevault', ['on', 'off'])
  const remoteDesktop = oneOf(read, 'remote-desktop', ['on', 'off'])
  const osVersion = read('os')
  return {
    ...(sip === undefined ? {} : { sip: sip === 'on' }),
    ...(secureBoot === undefined ? {} : { secureBoot }),
    ...(kexts === undefined ? {} : { kexts: kexts === 'allowed' }),
    ...(fileVault === undefined ? {} : { fileVault: fileVault === 'on' }),
    ...(remoteDesktop === undefined ? {} : { remoteDesktop: remoteDesktop === 'on' }),
    ...(osVersion === undefined ? {} : { osVersion }),
    ...(isOn('intel') ? { isAppleSilicon: false } : {}),
    ...(isOn('user-enrollment') ? { isUserEnrollment: true } : {}),
  }
}

function misbehaviourOf(read: Read): Misbehaviour {
  const attestedSerial = read('attested-serial')
  const nonce = oneOf(read, 'nonce', ['replayed', 'missing'])
  const acmeFreshness = oneOf(read, 'acme-freshness', ['wrong', 'missing'])
  const csrKey = oneOf(read, 'csr-key', ['foreign'])
  const root = oneOf(read, 'root', ['foreign'])
  const securityInfo = oneOf(read, 'security-info', ['contradict'])
  const certificateList = oneOf(read, 'certificate-list', ['missing', 'foreign'])
  const sso = oneOf(read, 'sso', ['cached', 'foreign-key', 'wrong-freshness', 'no-freshness', 'anonymous'])
  const renewal = oneOf(read, 'renewal', ['keeps-old', 'fails'])
  const machineInfo = oneOf(read, 'machine-info', ['foreign', 'tampered', 'other-serial'])
  const declarations = oneOf(read, 'declarations', ['invalid', 'silent'])
  const bootstrapToken = oneOf(read, 'bootstrap-token', ['never-set'])
  return {
    ...(attestedSerial === undefined ? {} : { attestedSerial }),
    ...(nonce === undefined ? {} : { nonce }),
    ...(acmeFreshness === undefined ? {} : { acmeFreshness }),
    ...(csrKey === undefined ? {} : { csrKey }),
    ...(root === undefined ? {} : { root }),
    ...(securityInfo === undefined ? {} : { securityInfo }),
    ...(certificateList === undefined ? {} : { certificateList }),
    ...(sso === undefined ? {} : { sso }),
    ...(renewal === undefined ? {} : { renewal }),
    ...(machineInfo === undefined ? {} : { machineInfo }),
    ...(declarations === undefined ? {} : { declarations }),
    ...(bootstrapToken === undefined ? {} : { bootstrapToken }),
  }
}

function claimOf(read: Read): MacOptions['claim'] {
  const serial = read('claim-serial')
  return serial === undefined ? undefined : { serial, serverUrl: required(read, 'server-url'), ssoOf: read('sso-of') }
}

function required(read: Read, flag: Flag): string {
  const value = read(flag)
  if (value === undefined) throw new OptionFault(`--${flag} is missing`)
  return value
}

function oneOf<const Choice extends string>(read: Read, flag: Flag, choices: readonly Choice[]): Choice | undefined {
  const value = read(flag)
  if (value === undefined || (choices as readonly string[]).includes(value)) return value as Choice | undefined
  throw new OptionFault(`--${flag} is one of: ${choices.join(', ')}`)
}

function count(read: Read, flag: Flag): number | undefined {
  const value = read(flag)
  if (value === undefined) return undefined
  if (!/^\d{1,7}$/.test(value)) throw new OptionFault(`--${flag} is a whole number`)
  return Number(value)
}
