import { createHash } from 'node:crypto'
import { declarativeManagement } from '../../mdm/commands/declarative-management.ts'
import { deviceConfigured } from '../../mdm/commands/device-configured.ts'
import { mergeStatus } from '../../mdm/ddm/merge-status.ts'
import type { StatusItems } from '../../mdm/ddm/status-report.ts'
import { declarationsToken, syncTokens } from '../../mdm/ddm/tokens.ts'
import type { DeclarationSet, Declarations, Mdm, MdmEvents } from '../../mdm/ports.ts'
import type { Clock } from '../clock.ts'
import type { Store } from '../store/client.ts'
import {
  type Declarable,
  findDeclarativeState,
  findDeclaredMac,
  keepStatus,
  listDeclarable,
  listWaitingForConfiguration,
  markDeclarationsFetched,
  markDeclarationsTold,
  setDeclarationsToken,
} from '../store/declarations.ts'
import { chooseDeclarations, needsTelling, type WantedDeclarations } from './declarations.ts'

export type DeclarationsDeps = { store: Store; wanted: () => WantedDeclarations }
export type SyncDeps = DeclarationsDeps & { clock: Clock; mdm: () => Pick<Mdm, 'enqueue'> }

const PAGE = 200
/** Macs told side by side: a fleet that is told anew is through before the job counts as lost. */
const AT_ONCE = 8
const COMMAND_LIFE_MS = 24 * 3600_000

/** MDM's port: what an enrollment is declared, decided anew at each question, under a token that is kept. */
export function declarationsIn(deps: DeclarationsDeps): Declarations {
  return {
    find: (enrollmentId, at) => findSet(deps, enrollmentId, at),
    fetched: (enrollmentId, token, at) => markDeclarationsFetched(deps.store, enrollmentId, token, at),
  }
}

async function findSet(deps: DeclarationsDeps, enrollmentId: string, at: Date): Promise<DeclarationSet | undefined> {
  const mac = await findDeclaredMac(deps.store, enrollmentId)
  if (mac === undefined) return undefined
  const declarations = chooseDeclarations({ osVersion: mac.osVersion ?? undefined, status: statusOf(mac.status) }, deps.wanted())
  if (declarations === undefined) return undefined
  const token = declarationsToken(declarations)
  return { declarations, token, changedAt: await setDeclarationsToken(deps.store, enrollmentId, token, at) }
}

/** A report is kept, merged into what was known; it has passed the bounds of `parseStatusReport`. */
export async function keepDeclarativeStatus(
  { store }: { store: Store },
  event: Parameters<MdmEvents['onDeclarativeStatus']>[0],
): Promise<void> {
  const digest = new Uint8Array(createHash('sha256').update(event.raw).digest())
  await keepStatus(store, { enrollmentId: event.enrollmentId, digest, at: event.at }, (before) =>
    mergeStatus(statusOf(before) ?? {}, event.report),
  )
}

/** Only `keepDeclarativeStatus` writes there. */
const statusOf = (stored: unknown): StatusItems | undefined =>
  typeof stored === 'object' && stored !== null && !Array.isArray(stored) ? (stored as StatusItems) : undefined

/**
 * One round over the enrolled Macs: whoever does not know its declarations as they are now is told, and whoever waits in Setup
 * Assistant although everything was queued is released. One Mac that fails keeps no other waiting.
 */
export async function syncDeclarations(deps: SyncDeps): Promise<void> {
  const failures: unknown[] = []
  const noting = (error: unknown): void => void failures.push(error)
  for (let after: string | undefined; ; ) {
    const macs = await listDeclarable(deps.store, { after, limit: PAGE })
    const due = macs.filter((mac) => isToBeLookedAt(deps, mac))
    for (let start = 0; start < due.length; start += AT_ONCE) {
      await Promise.all(due.slice(start, start + AT_ONCE).map(({ enrollmentId }) => syncOne(deps, enrollmentId).catch(noting)))
    }
    after = macs.at(-1)?.enrollmentId
    if (macs.length < PAGE) break
  }
  for (const enrollmentId of await listWaitingForConfiguration(deps.store, PAGE)) await release(deps.mdm(), enrollmentId).catch(noting)
  if (failures.length > 0) throw new AggregateError(failures, `the declarations of ${failures.length} Macs could not be told`)
}

/** Decided by the page's own rows: of thousands of Macs that know their declarations not one costs a statement. */
function isToBeLookedAt(deps: SyncDeps, mac: Declarable): boolean {
  const declarations = chooseDeclarations({ osVersion: mac.osVersion ?? undefined, status: statusOf(mac.status) }, deps.wanted())
  if (declarations === undefined) return false
  const token = declarationsToken(declarations)
  return mac.token !== token || needsTelling(mac, token, deps.clock.now())
}

async function syncOne(deps: SyncDeps, enrollmentId: string): Promise<void> {
  const now = deps.clock.now()
  const set = await findSet(deps, enrollmentId, now)
  if (set === undefined) return
  const state = await findDeclarativeState(deps.store, enrollmentId)
  if (state !== undefined && !needsTelling(state, set.token, now)) return
  await deps.mdm().enqueue(enrollmentId, declarativeManagement(syncTokens(set)), {
    dedupeKey: `declarations:${set.token}`,
    supersedes: 'declarations:',
    ttlMs: COMMAND_LIFE_MS,
  })
  await markDeclarationsTold(deps.store, enrollmentId, set.token, now)
}

/** Lets a Mac out of Setup Assistant, behind whatever is queued for it already. */
export async function release(mdm: Pick<Mdm, 'enqueue'>, enrollmentId: string): Promise<void> {
  await mdm.enqueue(enrollmentId, deviceConfigured(), { dedupeKey: 'device-configured', ttlMs: COMMAND_LIFE_MS })
}
