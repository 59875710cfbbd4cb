import { type Appraisal, attestedSince } from './appraisal.ts'
import { isOlderVersion } from './policy.ts'
import { known } from './properties.ts'
import type { Finding, ReasonCode } from './reasons.ts'

/**
 * Where Apple, the Mac's system (SecurityInfo) and the agent disagree on one fact. Every contradiction refuses. It also calls for
 * quarantine, unless it may be an honest repair: the better word is the later one, and a restart may lie between the two. Within one
 * boot session neither SIP nor Secure Boot can change, so there the two cannot both be true.
 */
export type ConflictCode = Extract<ReasonCode, 'SIP_CONFLICT' | 'BOOT_CONFLICT' | 'OS_CONFLICT'>
export type Contradiction = { code: ConflictCode; detail: string; isQuarantined: boolean }

export const findContradictions = (appraisal: Appraisal): Contradiction[] => [
  ...disagreements('SIP_CONFLICT', sipStatements(appraisal)),
  ...disagreements('BOOT_CONFLICT', bootStatements(appraisal)),
  ...olderSystem(appraisal),
]

export const conflictFindings = (appraisal: Appraisal, code: ConflictCode): Finding[] =>
  findContradictions(appraisal).flatMap((one) => (one.code === code ? [{ code, detail: one.detail }] : []))

/** `rank`: how good what is said is for the Mac; equal ranks agree. */
type Statement = { who: string; said: string; rank: number; at: Date; boot: string | undefined }

function disagreements(code: ConflictCode, statements: Statement[]): Contradiction[] {
  const [lowest, ...others] = statements.toSorted((a, b) => a.rank - b.rank)
  const differing = others.filter(({ rank }) => lowest !== undefined && rank > lowest.rank)
  if (lowest === undefined || differing.length === 0) return []
  const detail = statements.map(({ who, said }) => `${who}: ${said}`).join(', ')
  return [{ code, detail, isQuarantined: !differing.every((better) => mayBeRepaired(lowest, better)) }]
}

/** A change of SIP or Secure Boot takes two restarts and a stay in macOS Recovery. */
const REPAIR_MS = 3 * 60_000

function mayBeRepaired(worse: Statement, better: Statement): boolean {
  const isSameBoot = worse.boot !== undefined && worse.boot === better.boot
  return !isSameBoot && better.at.getTime() - worse.at.getTime() >= REPAIR_MS
}

function sipStatements(appraisal: Appraisal): Statement[] {
  const attested = attestedBy(appraisal, (properties) => known(properties.sip))
  const reported = appraisal.report?.systemIntegrityProtectionEnabled
  const claimed = appraisal.evidence.session?.claims?.sipEnabled
  const say = (isOn: boolean) => ({ said: isOn ? 'on' : 'off', rank: isOn ? 1 : 0 })
  return [
    ...byApple(appraisal, attested && say(attested === 'enabled')),
    ...byReport(appraisal, reported == null ? undefined : say(reported)),
    ...byAgent(appraisal, claimed === undefined ? undefined : say(claimed)),
  ]
}

/** Apple's two vocabularies for the same three states; what an Apple silicon Mac cannot say is the worst. */
const LEVELS = { full: 'full', medium: 'reduced', off: 'permissive', 'not supported': 'none' } as const
const RANKS = { full: 3, reduced: 2, permissive: 1, none: 0 } as const

function bootStatements(appraisal: Appraisal): Statement[] {
  const say = (level: keyof typeof RANKS | undefined) => level && { said: level, rank: RANKS[level] }
  const level = appraisal.report?.secureBoot.level
  const claimed = appraisal.evidence.session?.claims?.secureBoot
  return [
    ...byApple(appraisal, say(attestedBy(appraisal, (properties) => known(properties.secureBoot)))),
    ...byReport(appraisal, level == null ? undefined : say(LEVELS[level])),
    ...byAgent(appraisal, claimed === undefined || claimed === 'unknown' ? undefined : say(claimed)),
  ]
}

/** An update makes macOS newer; nothing short of erasing the Mac makes it older. */
function olderSystem(appraisal: Appraisal): Contradiction[] {
  const attested = attestedBy(appraisal, (properties) => known(properties.osVersion))
  const claimed = appraisal.evidence.session?.claims?.osVersion
  if (attested === undefined || claimed === undefined || !/^\d{1,4}(\.\d{1,4}){0,3}$/.test(claimed)) return []
  if (!isOlderVersion(claimed, attested)) return []
  return [{ code: 'OS_CONFLICT', detail: `Apple: ${attested}, the agent: ${claimed}`, isQuarantined: true }]
}

type Said = Pick<Statement, 'said' | 'rank'> | undefined

/** Only a chain that holds is Apple's word. */
function attestedBy<T>(
  { device }: Appraisal,
  read: (properties: NonNullable<NonNullable<Appraisal['device']>['properties']>) => T,
): T | undefined {
  return device?.verdict.ok === true && device.properties !== undefined ? read(device.properties) : undefined
}

function byApple(appraisal: Appraisal, said: Said): Statement[] {
  const at = attestedSince(appraisal)
  return said === undefined || at === undefined ? [] : [{ who: 'Apple', ...said, at, boot: appraisal.evidence.device?.bootSession }]
}

/** The report names no boot session; one that came within the unbroken period is of the session that the agent claims. */
function byReport({ evidence: { securityInfo, session } }: Appraisal, said: Said): Statement[] {
  if (said === undefined || securityInfo === undefined) return []
  const isWithin = session?.continuousSince !== undefined && securityInfo.receivedAt >= session.continuousSince
  const boot = isWithin ? session.claims?.bootSession : undefined
  return [{ who: 'the Mac over MDM', ...said, at: securityInfo.receivedAt, boot }]
}

function byAgent({ evidence: { session } }: Appraisal, said: Said): Statement[] {
  if (said === undefined || session?.claims === undefined || session.lastAnsweredAt === undefined) return []
  return [{ who: 'the agent', ...said, at: session.lastAnsweredAt, boot: session.claims.bootSession }]
}
