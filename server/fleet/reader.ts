import { createHash } from 'node:crypto'
import { fromHex, hex } from '#protocol/bytes'
import { MacId } from '#protocol/ids'
import type { Mdm } from '../../mdm/ports.ts'
import type { Check } from '../attestation/checks.ts'
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import { findAgentKey } from '../store/agent-keys.ts'
import type { Store } from '../store/client.ts'
import { findShownEnrollment } from '../store/enrollment-lookup.ts'
import { findEvidence } from '../store/evidence.ts'
import { type FleetListRow, listFleet } from '../store/fleet-list.ts'
import { listMacEvents, listRecentMacEvents, type MacEventRow } from '../store/mac-events.ts'
import { findMac, type MacRow } from '../store/macs.ts'
import { summariseUsage, usageByMinute } from '../store/usage-summary.ts'
import { findLatestVerdict, type VerdictRow } from '../store/verdicts.ts'
import type { Appraiser } from './appraise.ts'
import { viewEvidence } from './evidence-view.ts'
import { inviteMac, revokeMacNow } from './inventory.ts'
import type { SessionControl, SessionReader, SessionView } from './ports.ts'
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
} from './views.ts'

export type FleetReaderDeps = {
  store: Store
  clock: Clock
  mdm: Pick<Mdm, 'invite' | 'end'>
  sessions: SessionReader & Pick<SessionControl, 'disconnect'>
  appraiser: Pick<Appraiser, 'appraise' | 'judge'>
}

/** What people see of the fleet: stored facts joined with the sessions of this moment. */
export function createFleetReader(deps: FleetReaderDeps): FleetReader {
  return {
    listMacs: (query) => listMacs(deps, query),
    getMac: (id) => getMac(deps, id),
    listEvents: (id, page) => listEvents(deps, id, page),
    recentEvents: async (limit) => (await listRecentMacEvents(deps.store, limit)).map(toTimeline),
    getEvidence: (digest) => getEvidence(deps, digest),
    inviteMac: ({ serial, by }) => inviteMac(deps, { serial, actor: by }),
    revokeMac: ({ mac, by }) => revokeMacNow(deps, { mac, actor: by }),
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
  return { ...list, rows: list.rows.map((row) => summary(row, deps.sessions.find(row.id))) }
}

function summary(row: FleetListRow, session: SessionView | undefined): MacSummary {
  return {
    ...row,
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
  return {
    ...summary(listRow(mac, verdict, enrollment?.lastSeenAt ?? null), session),
    revokedAt: mac.revokedAt,
    quarantine: mac.quarantinedAt === null ? null : { at: mac.quarantinedAt, reason: mac.quarantineReason ?? '' },
    verdict: verdict === undefined ? null : viewVerdict(verdict, checks ?? (verdict.checks as Check[])),
    enrollment: enrollment ?? null,
    agentKey: key === undefined ? null : { sha256: createHash('sha256').update(key.spki).digest('hex'), provedAt: key.provedAt },
    session: session === undefined ? null : viewSession(session),
  }
}

function listRow(mac: MacRow, verdict: VerdictRow | undefined, lastSeenAt: Date | null): FleetListRow {
  const { id, serial, name, model, osVersion, isSoftware, addedAt } = mac
  const trust = mac.revokedAt !== null ? 'revoked' : ((verdict?.trust ?? 'pending') as FleetListRow['trust'])
  const judged = { trust, reasons: verdict?.reasons ?? [], evidenceAt: verdict?.evidenceAt ?? null }
  return { id, serial, name, model, osVersion, isSoftware, addedAt, ...judged, lastSeenAt }
}

function viewVerdict(verdict: VerdictRow, checks: readonly Check[]): MacDetail['verdict'] {
  return {
    trust: verdict.trust as 'trusted' | 'refused',
    reasons: verdict.reasons,
    until: verdict.until,
    decidedAt: verdict.decidedAt,
    policyVersion: verdict.policyVersion,
    evidenceDigest: verdict.evidenceDigest === null ? null : hex(verdict.evidenceDigest),
    keyBinding: verdict.keyBinding,
    // The procedure's output schema checks what was read from JSON.
    checks: checks.map((check) => ({ ...check, observedAt: check.observedAt === null ? null : new Date(check.observedAt) })),
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

async function getEvidence(deps: FleetReaderDeps, digest: string): Promise<EvidenceView | undefined> {
  const bytes = fromHex(digest)
  const evidence = bytes === undefined ? undefined : await findEvidence(deps.store, bytes)
  return evidence === undefined ? undefined : viewEvidence({ ...evidence, digest })
}

const HOUR_MS = 3600_000

async function overview(deps: FleetReaderDeps): Promise<Overview> {
  const since = new Date(deps.clock.now().getTime() - HOUR_MS)
  const everything = { search: '', trust: undefined, connection: undefined, sort: 'name', direction: 'asc', offset: 0, limit: 1 } as const
  const [{ counts }, usage, minutes] = await Promise.all([
    listFleet(deps.store, everything),
    summariseUsage(deps.store, since),
    usageByMinute(deps.store, since),
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
    lastHour: { ...usage, minutes: everyMinute(since, minutes) },
  }
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
