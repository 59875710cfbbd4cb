import { createPublicKey, type KeyObject } from 'node:crypto'
import { base64url, fromBase64url } from '#protocol/bytes'
import type { SignedRevocationList } from '#protocol/frames'
import type { MacId } from '#protocol/ids'
import { openRevocationList, revokedMac, signRevocationList } from '#protocol/revocations'
import type { RevocationList } from '#protocol/statements'
import type { Clock } from '../clock.ts'
import { countBoundKeys, revokeAgentKeys } from '../store/agent-keys.ts'
import { markApiKeyRevoked } from '../store/api-keys.ts'
import { appendAudit } from '../store/audit.ts'
import type { Db, Store } from '../store/client.ts'
import { appendMacEvent } from '../store/mac-events.ts'
import { revokeMac } from '../store/macs.ts'
import {
  findApiKeyHash,
  findListed,
  findNewestRevocationList,
  holdRevocationLists,
  insertRevocationList,
  listRevoked,
  type RevocationListRow,
} from '../store/revocation-lists.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { readRevocationFile, writeRevocationFile } from './revocation-file.ts'

/**
 * The numbered, signed list of everything revoked (DESIGN §4). Every revocation makes the next number in its own transaction; every
 * agent holds the newest, and so does a file beside the database. A backup of the database does not bring back what was revoked since:
 * the highest list that the file or a proved agent knows is adopted, and all in it revoked, before anything routes.
 */
export interface Revocations {
  readonly number: number
  /** The list in force, as agents are given it; undefined before the first one was made, or while held. */
  readonly signed: SignedRevocationList | undefined
  /** SHA-256 (hex) of the serial numbers on it. */
  serials(): ReadonlySet<string>
  /** False after a start without its file beside a database that had one: nobody knows yet what was revoked since. */
  readonly isInForce: boolean
  /** Within the transaction of a revocation that is written already. */
  append(tx: Db, revoked: Revoked, at: Date): Promise<void>
  /** After that transaction: in force here, in the file, and with every agent. */
  publish(): Promise<void>
  /** The agent of this Mac, its key proved, says that it holds this number. True: it is to send its list, which is newer than ours. */
  isWanted(number: number | undefined, mac: MacId): boolean
  /** False: not ours, or not newer than ours. */
  adopt(signed: SignedRevocationList): Promise<boolean>
  /** Told of every new list, and of what an adopted one has revoked. */
  onChange(listener: (change: RevocationChange) => Promise<void> | void): void
}

export type Revoked = { serial: string } | { apiKeyId: string }
export type RevocationChange = { macs: readonly MacId[]; apiKeys: readonly string[] }

export type RevocationDeps = {
  store: Store
  clock: Clock
  /** The log key's private half (Ed25519). */
  key: KeyObject
  /** Where the newest list is kept outside the database. */
  file: string
  log: { warn(fields: object, message: string): void }
  /** In tests: how long the word of a few agents waits for that of others. */
  settleMs?: number
}

const MAX_ENTRIES = 20_000
const NOTHING: RevocationChange = { macs: [], apiKeys: [] }

type Held = { list: RevocationList; signed: SignedRevocationList }

export async function openRevocations(deps: RevocationDeps): Promise<Revocations> {
  const { store, clock, key } = deps
  const publicKey = new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }))
  const listeners: ((change: RevocationChange) => Promise<void> | void)[] = []
  const inTurn = oneAtATime<'file'>()
  let current: Held | undefined
  let isInForce = true
  /** While held: Macs whose agents know of nothing newer. */
  const content = new Set<MacId>()
  let settling: NodeJS.Timeout | undefined
  let serials: ReadonlySet<string> = new Set()

  function take(held: Held | undefined): void {
    current = held
    serials = new Set(held?.list.macs)
  }

  async function tell(change: RevocationChange): Promise<void> {
    for (const listener of listeners) await listener(change)
  }

  function open(signed: SignedRevocationList): Held | undefined {
    const list = openRevocationList(publicKey, signed)
    return list && { list, signed }
  }

  const fromRow = (row: RevocationListRow): Held => {
    const signed = { list: base64url(row.list), signature: base64url(row.signature), key: base64url(publicKey) }
    const held = open(signed)
    if (held === undefined)
      throw new TypeError(`revocation list ${row.number} in the database is not signed by this installation’s log key`)
    return held
  }

  /** The database's newest; the one of this process may be older, where another replica has made one. */
  async function newest(db: Db): Promise<Held | undefined> {
    const row = await findNewestRevocationList(db)
    return row && fromRow(row)
  }

  async function insert(tx: Db, list: RevocationList): Promise<void> {
    const signed = signRevocationList(key, list)
    await insertRevocationList(tx, { ...toBytes(signed), number: list.number, issuedAt: new Date(list.issuedAt) })
  }

  /** One after the other, so that the file ends as the newest. */
  const publish = (): Promise<void> => inTurn('file', publishNow)

  async function publishNow(): Promise<void> {
    if (!isInForce) return
    take(await newest(store))
    if (current !== undefined) await writeRevocationFile(deps.file, current.signed)
    await tell(NOTHING)
  }

  /** Everything that the other list names, and that the database knows, under a number above both. */
  async function adoptNow(other: Held): Promise<RevocationChange | undefined> {
    const at = clock.now()
    return store.$transaction(
      async (tx) => {
        await holdRevocationLists(tx)
        const own = await newest(tx)
        if (own !== undefined && own.list.number >= other.list.number) return undefined
        await insertRevocationList(tx, {
          ...toBytes(other.signed),
          number: other.list.number,
          issuedAt: new Date(other.list.issuedAt),
        })
        const change = await revokeListed(tx, other.list, at)
        await insertUnion(tx, other.list, at)
        return change
      },
      { timeout: ADOPTION_LIMIT_MS },
    )
  }

  /** What the database has revoked meanwhile joins the list that was adopted. */
  async function insertUnion(tx: Db, base: RevocationList | undefined, at: Date): Promise<void> {
    const known = await listRevoked(tx, at)
    const macs = union(base?.macs ?? [], known.serials.map(revokedMac))
    const apiKeys = union(base?.apiKeys ?? [], known.apiKeys)
    if (base !== undefined && macs.length === base.macs.length && apiKeys.length === base.apiKeys.length) return
    await insert(tx, { v: 1, number: (base?.number ?? 0) + 1, issuedAt: at.getTime(), macs, apiKeys })
  }

  /** From here on the database's list stands, with all that was revoked while nobody knew which. */
  async function comeIntoForce(): Promise<void> {
    const at = clock.now()
    await store.$transaction(async (tx) => {
      await holdRevocationLists(tx)
      await insertUnion(tx, (await newest(tx))?.list, at)
    })
    isInForce = true
    clearTimeout(settling)
    await publish()
  }

  const settle = (): Promise<void> =>
    comeIntoForce().catch((err: unknown) => deps.log.warn({ err }, 'the revocation list could not come into force'))

  /**
   * The database is as new as what this agent has seen. That is one Mac's word, and the first to come may be the very one that was
   * revoked since: it counts once most of the Macs say so, or when time enough has passed for one that knows better.
   */
  async function hearContent(mac: MacId): Promise<void> {
    content.add(mac)
    settling ??= setTimeout(() => void (isInForce || settle()), deps.settleMs ?? SETTLE_MS).unref()
    const bound = await countBoundKeys(store)
    if (!isInForce && content.size * 2 > bound) await settle()
  }

  const revocations: Revocations = {
    get number() {
      return current?.list.number ?? 0
    },
    get signed() {
      return isInForce ? current?.signed : undefined
    },
    serials: () => serials,
    get isInForce() {
      return isInForce
    },
    async append(tx, revoked, at) {
      // While held no number is given out: the agents may know it by another list.
      if (!isInForce) return
      await holdRevocationLists(tx)
      const base = (await newest(tx))?.list
      const macs = union(base?.macs ?? [], 'serial' in revoked ? [revokedMac(revoked.serial)] : [])
      const apiKeys = union(base?.apiKeys ?? [], 'apiKeyId' in revoked ? await findApiKeyHash(tx, revoked.apiKeyId) : [])
      await insert(tx, { v: 1, number: (base?.number ?? 0) + 1, issuedAt: at.getTime(), macs, apiKeys })
    },
    publish,
    isWanted(number, mac) {
      if (number === undefined || number === 0) return false
      if (number > revocations.number) return true
      if (!isInForce) void hearContent(mac).catch((err: unknown) => deps.log.warn({ err }, 'the bound Macs could not be counted'))
      return false
    },
    async adopt(signed) {
      const other = open(signed)
      if (other === undefined || other.list.number <= revocations.number) return false
      const change = await adoptNow(other)
      isInForce = true
      clearTimeout(settling)
      await publish()
      if (change !== undefined) await tell(change)
      return true
    },
    onChange: (listener) => void listeners.push(listener),
  }

  await begin()
  return revocations

  /** The file wins over an older database; a database that has lists and has lost its file waits for an agent's word. */
  async function begin(): Promise<void> {
    take(await newest(store))
    const kept = await readRevocationFile(deps.file)
    const held = kept === undefined ? undefined : open(kept)
    if (held !== undefined && held.list.number > revocations.number) await revocations.adopt(held.signed)
    else if (held !== undefined || current === undefined) await comeIntoForce()
    else {
      isInForce = false
      deps.log.warn({ number: revocations.number, file: deps.file }, NOT_IN_FORCE)
    }
  }
}

const ADOPTION_LIMIT_MS = 30_000
/** Agents come back within seconds of the appliance; a Mac that sleeps takes longer, and cannot be waited for. */
const SETTLE_MS = 10 * 60_000
const NOT_IN_FORCE =
  'the file of the newest revocation list is missing or unreadable, though there was one: nothing routes until an agent has brought a newer list, or most of the Macs know of none'

const union = (base: readonly string[], more: readonly string[]): string[] => [...new Set([...base, ...more])].slice(-MAX_ENTRIES)

const toBytes = ({ list, signature }: SignedRevocationList): { list: Uint8Array; signature: Uint8Array } => ({
  list: fromBase64url(list) ?? new Uint8Array(),
  signature: fromBase64url(signature) ?? new Uint8Array(),
})

async function revokeListed(tx: Db, list: RevocationList, at: Date): Promise<RevocationChange> {
  const { macs, apiKeys } = await findListed(tx, list)
  for (const mac of macs) {
    await revokeMac(tx, mac, at)
    await revokeAgentKeys(tx, mac, at)
    await appendMacEvent(tx, mac, { type: 'revoked', by: 'system' }, at)
    await appendAudit(tx, { type: 'mac.revoked', subject: mac, detail: {} }, { actor: 'system', at })
  }
  for (const { id, prefix } of apiKeys) {
    await markApiKeyRevoked(tx, id, at)
    await appendAudit(tx, { type: 'api-key.revoked', subject: id, detail: { prefix } }, { actor: 'system', at })
  }
  const detail = { number: list.number, macs: macs.length, apiKeys: apiKeys.length }
  await appendAudit(tx, { type: 'revocation-list.adopted', subject: 'revocations', detail }, { actor: 'system', at })
  return { macs, apiKeys: apiKeys.map(({ id }) => id) }
}
