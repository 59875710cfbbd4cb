import type { MacEvent } from './events.ts'
import { explainReasons, isOnlyAbsence, refusalWord } from './explain-reasons.ts'

/** What happened to a Mac, said to a person: one sentence an event, in this one place. */
export type Said = { tone: 'good' | 'bad' | 'neutral'; sentence: string }

const good = (sentence: string): Said => ({ tone: 'good', sentence })
const bad = (sentence: string): Said => ({ tone: 'bad', sentence })
const neutral = (sentence: string): Said => ({ tone: 'neutral', sentence })

/** Pure. `at` is when it happened: ages are told as of then. An event of a later version is shown by its type. */
export function timelineSentence(event: MacEvent, at: Date): Said {
  switch (event.type) {
    case 'invited':
      return neutral('Invited to enroll')
    case 'imported':
      return neutral(
        event.pool === null
          ? 'Entered into the inventory from a list'
          : `Entered into the inventory from a list, in pool “${words(event.pool)}”`,
      )
    case 'automated-enrollment-begun':
      return neutral('Began to enroll automatically')
    case 'profile-issued':
      return neutral('Enrollment profile handed out')
    case 'acme-attested':
      return good('MDM identity attested (ACME)')
    case 'acme-refused':
      return bad(`MDM identity refused: ${reasons(event.reasons)}`)
    case 'identity-renewal-requested':
      return neutral(
        event.attempt > 1 ? `Asked again to renew its MDM identity, attempt ${event.attempt}` : 'Asked to renew its MDM identity',
      )
    case 'identity-renewal-given-up':
      return bad(
        `The renewal of its MDM identity was given up after ${event.attempts} attempts; it expires on ${words(event.until).slice(0, 10)}`,
      )
    case 'identity-renewed':
      return good('MDM identity renewed; the one before is worth nothing from here on')
    case 'identity-revoked':
      return bad(`MDM identity revoked: ${words(event.reason)}`)
    case 'external-profile-exported':
      return neutral('Profile for another MDM server handed out')
    case 'authenticated':
      return neutral('Checked in to MDM')
    case 'enrolled':
      return good('Enrolled in MDM')
    case 'unenrolled':
      return bad('Left MDM: the profile was removed')
    case 'ticket-delivered':
      return neutral('Ticket delivered over MDM')
    case 'ticket-refused':
      return bad('The agent’s proof did not match the ticket sent over MDM')
    case 'key-publication-requested':
      return neutral('The agent was asked to publish its key to the Mac’s keychain')
    case 'key-proof-refused':
      return bad(
        `Proof of the agent’s key refused (${event.level === 'apple' ? 'attested by Apple' : 'through the MDM client'}): ${reasons([event.reason])}`,
      )
    case 'key-bound':
      return good(KEY_PROOFS[event.level ?? 'ticket'])
    case 'attestation-requested':
      return neutral('Attestation requested')
    case 'attestation-received':
      return good('Attestation received')
    case 'reattestation-requested':
      return neutral(`Attestation requested anew: ${CAUSES[event.cause] ?? words(event.cause)}`)
    case 'reattestation-received':
      return good('Attested anew by Apple (ACME)')
    case 'reattestation-refused':
      return bad(`The new attestation was refused: ${reasons(event.reasons)}`)
    case 'enrollment-superseded':
      return neutral('A newer enrollment of this Mac took the place of this one')
    case 'reply-incomplete':
      return bad(`Incomplete reply to ${words(event.requestType)}: ${words(event.fault)}`)
    case 'security-info-received':
      return neutral('Security report received')
    case 'command-failed':
      return bad(`${words(event.requestType)} failed: ${words(event.error)}`)
    case 'action-requested':
      return event.action === 'refresh'
        ? neutral('Asked by a person to show its state anew')
        : neutral(`A person asked to ${words(event.action)} this Mac`)
    case 'action-acknowledged':
      return neutral(`Acknowledged the order to ${words(event.action)}`)
    case 'agent-connected':
      return neutral('Agent connected')
    case 'agent-disconnected':
      return neutral(`Agent disconnected: ${words(event.reason)}`)
    case 'verdict':
      return event.trust === 'trusted' ? trusted(event) : refused(event, at)
    case 'pool-changed':
      return neutral(`Moved from ${poolName(event.from)} to ${poolName(event.to)}, by policy version ${event.policyVersion}`)
    case 'quarantined':
      return bad(`Quarantined: ${reasons([event.reason])}`)
    case 'released':
      return good(`Released from quarantine: ${words(event.note)}`)
    case 'revoked':
      return bad('Revoked')
    default:
      return neutral((event satisfies never as { type: string }).type)
  }
}

const KEY_PROOFS = {
  ticket: 'Agent’s key proved with the ticket',
  'mdm-signed': 'Agent’s key proved through the Mac’s MDM client',
  apple: 'Agent’s key attested by Apple',
} as const

const CAUSES: Record<string, string> = {
  asked: 'a person asked for it',
  grace: 'its grace runs out',
  boot: 'it has restarted',
  key: 'its agent has a new key',
  missing: 'there is none yet',
  age: 'the last one grows old',
}

type Verdict = Extract<MacEvent, { type: 'verdict' }>

function trusted({ was, isUnderNewPolicy, policyVersion, waived }: Verdict): Said {
  const under = isUnderNewPolicy === true ? ` under policy version ${policyVersion}` : ''
  const waiver = (waived ?? []).length === 0 ? '' : `, with a waiver of ${named(waived ?? [])}`
  if (was !== 'trusted') return good(`Became trusted${under}${waiver}`)
  return under === '' ? good(`Trust renewed${waiver}`) : good(`Still trusted${under}${waiver}`)
}

/** Without knowing what was before, as in events of an earlier version, it is told as a finding. */
function refused(event: Verdict, at: Date): Said {
  const codes = codesOf(event.reasons)
  const say = isOnlyAbsence(codes) ? neutral : bad
  const under = event.isUnderNewPolicy === true ? ` under policy version ${event.policyVersion}` : ''
  if (event.was === 'trusted') return say(`Lost trust${under} because ${because(event, codes, at)}`)
  if (under !== '') return neutral(`Still refused${under}: ${reasons(codes)}`)
  return say(`${refusalWord(codes)}: ${reasons(codes)}`)
}

function because({ because: ground }: Verdict, codes: readonly string[], at: Date): string {
  const [first, ...others] = explainReasons(codes)
  if (first === undefined) return 'a check failed, which was not named'
  const seen = ground === undefined || ground.code !== first.code ? '' : seenAt(ground, at)
  return `${asClause(first.sentence)}${seen}${others.length === 0 ? '' : `, and for ${count(others.length)}`}`
}

/** How the source of a check reads behind what was found; what only this appliance knows needs no source. */
const SOURCES: readonly [string, string][] = [
  ['Apple', 'attested by Apple'],
  ['The agent', 'said by the agent'],
  ['The Mac’s own report', 'reported by the Mac'],
]

function seenAt({ source, observedAt }: { source: string; observedAt: string | null }, at: Date): string {
  const how = SOURCES.find(([prefix]) => source.startsWith(prefix))?.[1]
  if (how === undefined) return ''
  return observedAt === null ? ` (${how})` : ` (${how} ${ago(at.getTime() - Date.parse(observedAt))})`
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
] as const

function ago(ms: number): string {
  const [unit, size] = UNITS.find(([, length]) => ms >= length) ?? ['s', 1000]
  return `${Math.max(0, Math.floor(ms / size))} ${unit} ago`
}

/** “The agent is not connected.” → “the agent is not connected”; a name keeps its capital. */
function asClause(sentence: string): string {
  const bare = sentence.replace(/\.$/, '')
  return /^(The|This|A|An|What|Third-party|Remote)\b/.test(bare) ? bare.charAt(0).toLowerCase() + bare.slice(1) : bare
}

/** The first reason in words, and how many more there are. */
function reasons(codes: readonly unknown[]): string {
  const [first, ...others] = explainReasons(codesOf(codes))
  return first === undefined ? 'no reason given' : `${first.sentence}${andMore(others.length)}`
}

const count = (more: number): string => (more === 1 ? '1 more reason' : `${more} more reasons`)
const andMore = (more: number): string => (more === 0 ? '' : ` And ${count(more)}.`)

const named = (codes: readonly string[]): string =>
  explainReasons(codes)
    .map(({ sentence }) => `“${sentence.replace(/\.$/, '')}”`)
    .join(' and ')
const poolName = (name: string | null): string => (name === null ? 'no pool' : `pool “${words(name)}”`)
/** Events are read back from JSON, and one of another version may lack a member. */
const codesOf = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : [])
const words = (value: unknown): string => (typeof value === 'string' && value !== '' ? value : 'no reason given')
