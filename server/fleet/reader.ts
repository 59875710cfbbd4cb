import { createHash } from 'node:crypto'
import { fromHex, hex } from '#protocol/bytes'
import { MacId } from '#protocol/ids'
import type { Mdm } from '../../mdm/ports.ts'
import type { Check } from '../attestation/checks.ts'
import type { Policy } from '../attestation/policy.ts'
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import { findAgentKey } from '../store/agent-keys.ts'
import type { Store } from '../store/client.ts'
import { findShownEnrollment } from '../store/enrollment-lookup.ts'
import { findEvidence } from '../store/evidence.ts'
import { type FleetListRow, listFleet } from '../store/fleet-list.ts'
import { listMacEvents, listRecentMacEvents, type MacEventRow } from '../store/mac-events.ts'
import { findMac, type MacRow } from '../store/macs.ts'
import { listPolicyDigests } from '../store/policies.ts'
import { summariseUsage, usageByMinute } from '../store/usage-summary.ts'
import { findLatestVerdict, listVerdicts, type NumberedVerdict, type VerdictRow } from '../store/verdicts.ts'
import { listWaivedMacs } from '../store/waived-macs.ts'
import type { Appraiser } from './appraise.ts'
import { viewEvidence } from './evidence-view.ts'
import { exportExternalProfile, renewNow, revokeIdentity } from './identity-desk.ts'
import { inviteMac, revokeMacNow } from './inventory.ts'
import type { SessionControl, SessionReader, SessionView } from './ports.ts'
import { releaseMacNow } from './quarantine.ts'
import type { Revocations } from './revocations.ts'
import type {
  EventPage,
  EvidenceView,
  FleetReader,
  MacDetail,
  MacList,
  MacListQuery,
  MacSummary,
  Overview,
  TimelineEvent,
  VerdictPage,
} from './views.ts'
import { waiversOn } from './waivers.ts'

export type FleetReaderDeps = {
  store: Store
  clock: Clock
  policy: () => Policy
  mdm: Pick<Mdm, 'invite' | 'end' | 'exportExternal' | 'renewIdentity'>
  sessions: SessionReader & Pick<SessionControl, 'disconnect'>
  appraiser: Pick<Appraiser, 'appraise' | 'judge'>
  revocations: Pick<Revocations, 'append' | 'publish'>
  /** Asks a Mac anew for what speaks of its state. */
  askAnew: (mac: MacId) => Promise<void>
}

/** What people see of the fleet: stored facts joined with the sessions of this moment. */
export function createFleetReader(deps: FleetReaderDeps): FleetReader {
  return {
    listMacs: (query) => listMacs(deps, query),
    getMac: (id) => getMac(deps, id),
    listEvents: (id, page) => listEvents(deps, id, page),
    listVerdicts: (id, page) => pastVerdicts(deps, id, page),
    recentEvents: async (limit) => (await listRecentMacEvents(deps.store, limit)).map(toTimeline),
    getEvidence: (digest) => getEvidence(deps, digest),
    inviteMac: ({ by, ...invitation }) => inviteMac(deps, { ...invitation, actor: by }),
    revokeMac: ({ mac, by }) => revokeMacNow(deps, { mac, actor: by }),
    releaseMac: ({ mac, note, by }) => releaseMacNow(deps, { mac, note, actor: by }),
    exportExternalProfile: ({ serial, by }) => exportExternalProfile(deps, { serial, actor: by }),
    revokeIdentity: (which, by) => revokeIdentity(deps, which, by),
    renewIdentity: (mac, by) => renewNow(deps, mac, by),
    overview: () => overview(deps),
  }
}

async function listMacs(deps: FleetReaderDeps, query: MacListQuery): Promise<MacList> {
  const { page, pageSize, connection, ...rest } = query
  const connected = deps.sessions.list().map((session) => session.mac)
  const list = await listFleet(deps.store, {
    ...rest,
    trust: query.trust,
    connection: connection === undefined ? undefined : { is: connection, connected },
    offset: (page - 1) * pageSize,
    limit: pageSize,
  })
  return { ...list, rows: list.rows.map((row) => summary(deps, row)) }
}

function summary({ sessions, policy, clock }: FleetReaderDeps, { waived, ...row }: FleetListRow): MacSummary {
  const session = sessions.find(row.id)
  return {
    ...row,
    waivers: waiversOn(policy(), { ...row, waived }, clock.now()),
    isConnected: session !== undefined,
    isRoutable: session?.isRoutable ?? false,
    models: session?.models.filter((model) => model.state === 'ready').map((model) => model.name) ?? [],
    slots: session?.slots ?? 0,
    active: session?.active ?? 0,
  }
}

async function getMac(deps: FleetReaderDeps, id: MacId): Promise<MacDetail | undefined> {
  const mac = await findMac(deps.store, id)
  if (mac === undefined) return undefined
  const [verdict, checks, enrollment, key] = await Promise.all([
    findLatestVerdict(deps.store, id),
    // The stored verdict names its moment; its checks are shown as they stand now, with the ages of now.
    deps.appraiser.judge(id).then((decision) => decision?.checks),
    findShownEnrollment(deps.store, id),
    findAgentKey(deps.store, id),
  ])
  const session = deps.sessions.find(id)
  const digests = await listPolicyDigests(deps.store, verdict === undefined ? [] : [verdict.policyVersion])
  return {
    ...summary(deps, listRow(mac, verdict, enrollment?.lastSeenAt ?? null)),
    ring: mac.ring,
    revokedAt: mac.revokedAt,
    quarantine: mac.quarantinedAt === null ? null : { at: mac.quarantinedAt, reason: mac.quarantineReason ?? '' },
    verdict: verdict === undefined ? null : viewVerdict(verdict, checks ?? (verdict.checks as Check[]), digests.get(verdict.policyVersion)),
    enrollment: enrollment ?? null,
    agentKey: key === undefined ? null : { sha256: createHash('sha256').update(key.spki).digest('hex'), provedAt: key.provedAt },
    session: session === undefined ? null : viewSession(session),
  }
}

function listRow(mac: MacRow, verdict: VerdictRow | undefined, lastSeenAt: Date | null): FleetListRow {
  const { id, serial, name, model, osVersion, isSoftware, addedAt, pool } = mac
  const trust = mac.revokedAt !== null ? 'revoked' : ((verdict?.trust ?? 'pending') as FleetListRow['trust'])
  const judged = { trust, reasons: verdict?.reasons ?? [], evidenceAt: verdict?.evidenceAt ?? null }
  return { id, serial, name, model, osVersion, isSoftware, addedAt, pool, waived: verdict?.waived ?? [], ...judged, lastSeenAt }
}

function viewVerdict(verdict: VerdictRow, checks: readonly Check[], policyDigest: Uint8Array | undefined): MacDetail['verdict'] {
  return {
    ...viewDecision(verdict, policyDigest),
    // The procedure's output schema checks what was read from JSON.
    checks: checks.map((check) => ({ ...check, observedAt: check.observedAt === null ? null : new Date(check.observedAt) })),
  }
}

function viewDecision(verdict: Omit<VerdictRow, 'checks'>, policyDigest: Uint8Array | undefined) {
  return {
    trust: verdict.trust as 'trusted' | 'refused',
    reasons: verdict.reasons,
    waived: verdict.waived,
    policyDigest: policyDigest === undefined ? null : hex(policyDigest),
    until: verdict.until,
    decidedAt: verdict.decidedAt,
    policyVersion: verdict.policyVersion,
    evidenceDigest: verdict.evidenceDigest === null ? null : hex(verdict.evidenceDigest),
    keyBinding: verdict.keyBinding,
  }
}

function viewSession(session: SessionView): MacDetail['session'] {
  const { openedAt, agentVersion, isLive, isDraining, thermal, slots, active } = session
  const models = session.models.map(({ name, state, progress, error, contextTokens }) => ({
    name,
    state,
    ...(progress === undefined ? {} : { progress }),
    ...(error === undefined ? {} : { error }),
    ...(contextTokens === undefined ? {} : { contextTokens }),
  }))
  return { id: session.session, openedAt, agentVersion, isLive, isDraining, isAvailable: session.available, thermal, slots, active, models }
}

async function listEvents(deps: FleetReaderDeps, id: MacId, page: { before?: string | undefined; limit: number }): Promise<EventPage> {
  const before = page.before === undefined ? undefined : parseCursor(page.before)
  const rows = await listMacEvents(deps.store, id, { before, limit: page.limit + 1 })
  const shown = rows.slice(0, page.limit)
  return { events: shown.map(toTimeline), next: rows.length > page.limit ? String(shown.at(-1)?.sequence) : null }
}

function parseCursor(text: string): bigint {
  if (!/^\d{1,18}$/.test(text)) throw new AppError('invalid_request', { param: 'before' })
  return BigInt(text)
}

const toTimeline = (row: MacEventRow): TimelineEvent => ({
  id: row.id,
  at: row.at,
  mac: { id: MacId.parse(row.mac.id), name: row.mac.name },
  type: row.type,
  detail: row.detail as Record<string, unknown>,
})

async function pastVerdicts(deps: FleetReaderDeps, id: MacId, page: { before?: string | undefined; limit: number }): Promise<VerdictPage> {
  const before = page.before === undefined ? undefined : parseCursor(page.before)
  const rows = await listVerdicts(deps.store, id, { before, limit: page.limit + 1 })
  const shown: NumberedVerdict[] = rows.slice(0, page.limit)
  const digests = await listPolicyDigests(
    deps.store,
    shown.map(({ policyVersion }) => policyVersion),
  )
  const verdicts = shown.map((row) => ({ id: row.id, ...viewDecision(row, digests.get(row.policyVersion)) }))
  return { verdicts, next: rows.length > page.limit ? String(shown.at(-1)?.sequence) : null }
}

async function getEvidence(deps: FleetReaderDeps, digest: string): Promise<EvidenceView | undefined> {
  const bytes = fromHex(digest)
  const evidence = bytes === undefined ? undefined : await findEvidence(deps.store, bytes)
  return evidence === undefined ? undefined : viewEvidence({ ...evidence, digest })
}

const HOUR_MS = 3600_000

async function overview(deps: FleetReaderDeps): Promise<Overview> {
  const since = new Date(deps.clock.now().getTime() - HOUR_MS)
  const everything = { search: '', trust: undefined, connection: undefined, sort: 'name', direction: 'asc', offset: 0, limit: 1 } as const
  const [{ counts }, usage, minutes, waived] = await Promise.all([
    listFleet(deps.store, everything),
    summariseUsage(deps.store, since),
    usageByMinute(deps.store, since),
    listWaivedMacs(deps.store),
  ])
  const sessions = deps.sessions.list()
  const sum = (of: (session: SessionView) => number): number => sessions.reduce((total, session) => total + of(session), 0)
  return {
    macs: counts,
    connected: sessions.length,
    routable: sessions.filter((session) => session.isRoutable).length,
    slots: sum((session) => (session.isRoutable ? session.slots : 0)),
    active: sum((session) => session.active),
    models: servedModels(sessions),
    waivers: standingWaivers(deps, waived.length),
    lastHour: { ...usage, minutes: everyMinute(since, minutes) },
  }
}

function standingWaivers({ policy, clock }: FleetReaderDeps, macs: number): Overview['waivers'] {
  const now = clock.now().getTime()
  const ends = policy()
    .waivers.map(({ until }) => Date.parse(until))
    .filter((end) => end > now)
  return { inForce: ends.length, macs, nextEnd: ends.length === 0 ? null : new Date(Math.min(...ends)) }
}

function servedModels(sessions: readonly SessionView[]): Overview['models'] {
  const served = new Map<string, Overview['models'][number]>()
  for (const session of sessions.filter((one) => one.isRoutable)) {
    for (const { name } of session.models.filter((model) => model.state === 'ready')) {
      const entry = served.get(name) ?? { name, macs: 0, slots: 0, active: 0 }
      served.set(name, { name, macs: entry.macs + 1, slots: entry.slots + session.slots, active: entry.active + session.active })
    }
  }
  return [...served.values()].toSorted((a, b) => a.name.localeCompare(b.name))
}

/** Sixty entries, empty minutes included, so that a chart has an honest time axis. */
function everyMinute(since: Date, rows: readonly { at: Date; completed: number; failed: number }[]): Overview['lastHour']['minutes'] {
  const known = new Map(rows.map((row) => [row.at.getTime(), row]))
  const first = Math.ceil(since.getTime() / 60_000) * 60_000
  return Array.from({ length: 60 }, (_, i) => {
    const at = new Date(first + i * 60_000)
    return known.get(at.getTime()) ?? { at, completed: 0, failed: 0 }
  })
}
