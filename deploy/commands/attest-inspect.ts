import { open } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { type InspectOptions, type InspectReport, inspectAttestation } from '../../server/attestation/inspect.ts'
import { MAX_INPUT_BYTES } from '../../server/attestation/inspect-input.ts'
import { decodePemCertificates } from '../../server/attestation/pem.ts'
import { APPLE_ANCHORS, createCustomAnchors, EVALUATION_ROOT_NAME, type TrustAnchors } from '../../server/attestation/roots.ts'

/**
 * espalier attest inspect FILE: judges chain, encodings and posture of an attestation at a time, under Apple's root or another.
 * Exit 0 proven, 10 refused, 20 unsupported or not provable, 30 malformed input.
 */
export async function attestInspect(argv: string[]): Promise<number> {
  const asJson = argv.includes('--json')
  try {
    const command = parseCommand(argv)
    if (command === 'help') return print(USAGE, 0)
    const anchors = command.root === undefined ? APPLE_ANCHORS : await readRoot(command.root)
    const report = inspectAttestation(await readBounded(command.file), { ...command.options, anchors })
    return print(asJson ? JSON.stringify(report, null, 2) : describe(report), report.exitCode)
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    const { code, message } = error
    if (asJson) return print(JSON.stringify({ verdict: 'malformed', exitCode: 30, error: { code, message } }, null, 2), 30)
    process.stderr.write(`${message}\n`)
    return 30
  }
}

const USAGE = `Usage: espalier attest inspect FILE [options]

FILE is a PEM chain (leaf first), an ACME attestation object (CBOR, base64url, or JSON with “attObj”),
or a DeviceInformation reply (XML or binary property list).

  --at TIME     judge as of this time (ISO 8601; default: now)
  --root FILE   judge under this root (PEM or DER) instead of Apple’s
  --nonce HEX   also require this freshness code
  --token T     also require the freshness code of this ACME token (its SHA-256)
  --serial S    also require this serial number
  --json        answer in JSON

Exit status: 0 proven, 10 refused, 20 unsupported or not provable, 30 malformed input.`

type InputErrorCode = 'bad_option' | 'unreadable_file' | 'malformed_root'

class InputError extends Error {
  readonly code: InputErrorCode

  constructor(code: InputErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

type Command = { file: string; root: string | undefined; options: Omit<InspectOptions, 'anchors'> }

function parseCommand(argv: string[]): Command | 'help' {
  const { values, positionals } = parseOptions(argv)
  if (values.help === true) return 'help'
  const [file, ...more] = positionals
  if (file === undefined || more.length > 0)
    throw new InputError('bad_option', 'Name exactly one file. See “espalier attest inspect --help”.')
  const at = values.at === undefined ? new Date() : parseTime(values.at)
  const nonce = values.nonce === undefined ? undefined : parseNonce(values.nonce)
  return { file, root: values.root, options: { at, nonce, token: values.token, serial: values.serial } }
}

function parseOptions(argv: string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  try {
    return parseArgs({
      args: argv,
      allowPositionals: true,
      options: { at: text, root: text, nonce: text, token: text, serial: text, json: flag, help: { ...flag, short: 'h' } },
    })
  } catch (error) {
    throw new InputError('bad_option', error instanceof Error ? error.message : 'The options are malformed.')
  }
}

function parseTime(text: string): Date {
  const isIso = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/.test(text)
  const time = new Date(text)
  if (!isIso || Number.isNaN(time.getTime()))
    throw new InputError('bad_option', `--at “${text}” is no time. Write it like 2026-11-21T12:00:00Z.`)
  return time
}

function parseNonce(text: string): Uint8Array {
  if (!/^([0-9a-fA-F]{2}){1,64}$/.test(text)) throw new InputError('bad_option', '--nonce takes 1 to 64 bytes in hexadecimal.')
  return new Uint8Array(Buffer.from(text, 'hex'))
}

async function readRoot(path: string): Promise<TrustAnchors> {
  const bytes = await readBounded(path)
  const pem = decodePemCertificates(Buffer.from(bytes).toString('latin1'))
  if (pem !== undefined && pem.length !== 1)
    throw new InputError('malformed_root', `${path} holds ${pem.length} certificates; a root is one.`)
  try {
    return createCustomAnchors(pem?.[0] ?? bytes)
  } catch {
    throw new InputError('malformed_root', `${path} is not a certificate.`)
  }
}

/** Reads one byte more than allowed at most, so that a wrong path cannot fill the memory. */
async function readBounded(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path)
    try {
      const chunks: Buffer[] = []
      for await (const chunk of file.createReadStream({ end: MAX_INPUT_BYTES, autoClose: false })) chunks.push(chunk as Buffer)
      return new Uint8Array(Buffer.concat(chunks))
    } finally {
      await file.close()
    }
  } catch (error) {
    throw new InputError('unreadable_file', `${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}).`)
  }
}

function print(text: string, exitCode: number): number {
  process.stdout.write(`${text}\n`)
  return exitCode
}

const NOT_CHECKED: Record<InspectReport['notChecked'][number], string> = {
  nonce: 'freshness (give --nonce or --token)',
  serial: 'which Mac it is (give --serial)',
  udid: 'the enrollment’s ProvisioningUDID',
  key: 'which agent key it commits to',
  age: 'whether it is young enough (reported, never judged here)',
}

function describe(report: InspectReport): string {
  const lines = [
    `${report.verdict.toUpperCase()}  ${report.input ?? 'unrecognised input'}, judged at ${report.at}`,
    `Root: ${report.root.commonName ?? 'unnamed'} (${report.root.domain === 'apple' ? 'built in' : report.root.domain}), SHA-256 ${report.root.sha256}`,
    ...(report.error === null ? [] : [`Error: ${report.error.message} [${report.error.code}]`]),
    ...section(
      'Reasons',
      report.reasons.map(({ code, sentence, detail, remedy }) => `${code}: ${sentence}${detail === null ? '' : ` (${detail})`} ${remedy}`),
    ),
    ...section(
      'Certificates',
      report.certificates.map((one) => `${one.subject ?? 'unnamed'}, by ${one.issuer ?? 'unnamed'}, ${one.notBefore} to ${one.notAfter}`),
    ),
    ...section(
      'Properties',
      report.properties.map(({ name, oid, state, raw, value }) => `${name} (${oid}): ${value ?? state}${raw === null ? '' : `  [${raw}]`}`),
    ),
    ...(report.age === null ? [] : [describeAge(report.age)]),
    ...section(
      'Not checked',
      report.notChecked.map((what) => NOT_CHECKED[what]),
    ),
    ...(lacksOnlyEvaluationRoot(report) ? ['For a Mac of an evaluation, add --root .espalier/evaluation-root.pem.'] : []),
  ]
  return lines.map(printable).join('\n')
}

function describeAge({ ageMs, since }: { ageMs: number; since: string }): string {
  if (ageMs < 0) return `Age: not yet made at that time; made at ${since} or later`
  return `Age: ${Math.round(ageMs / 3600_000)} h, made at ${since} or later`
}

/** A chain of the software Apple, judged under the real one's root, and otherwise without fault. */
function lacksOnlyEvaluationRoot({ root, reasons, certificates }: InspectReport): boolean {
  const isUntrustedAlone = reasons.length === 1 && reasons[0]?.code === 'CHAIN_UNTRUSTED'
  return root.domain === 'apple' && isUntrustedAlone && certificates.at(-1)?.issuer === EVALUATION_ROOT_NAME
}

const section = (title: string, items: string[]): string[] => (items.length === 0 ? [] : [`${title}:`, ...items.map((item) => `  ${item}`)])

/** Names come from the file; control characters stay out of the terminal. */
const printable = (line: string): string => line.replace(/\p{Cc}|\p{Cf}/gu, '�')
