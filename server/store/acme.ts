import type { Acme, AcmeAccount, AcmeOrder, AcmePurpose } from '../../mdm/ports.ts'
import { ownBytes } from './bytes.ts'
import type { Db, Store } from './client.ts'
import type { AcmeOrder as OrderRow, Prisma } from './generated/client.ts'
import { addIdentity } from './mdm-identities.ts'

/** Nonces are handed out to anybody who asks: beyond this many the oldest are forgotten. */
const MAX_NONCES = 20_000
/** Cleaning once in so many new nonces keeps it off the path of most requests. */
const CLEAN_EVERY = 256
const ACCOUNT_WITHOUT_ORDER_MS = 24 * 3600_000
/** Accounts, too, are anybody's for the asking. Beyond this many without an order the oldest make room. */
const MAX_IDLE_ACCOUNTS = 10_000
/**
 * A Mac orders within seconds of making its account; one this young is not forgotten, and when all are, no more are made. Short, so that
 * it takes a thousand new accounts a second to keep Macs out, and not a hundred and seventy.
 */
const YOUNG_ACCOUNT_MS = 10_000

export type AcmeLimits = { maxIdleAccounts: number }

/** ACME's state over PostgreSQL: a restart between any two requests of a Mac loses nothing. */
export function acmeIn(store: Store, limits: AcmeLimits = { maxIdleAccounts: MAX_IDLE_ACCOUNTS }): Acme {
  let added = 0
  return {
    addNonce: async (nonce, at, expiresAt) => {
      await store.acmeNonce.create({ data: { nonce, expiresAt } })
      if (added++ % CLEAN_EVERY === 0) await clean(store, at)
    },
    spendNonce: async (nonce, at) => (await store.acmeNonce.deleteMany({ where: { nonce, expiresAt: { gt: at } } })).count === 1,
    findAccount: async (id) => toAccount(await store.acmeAccount.findUnique({ where: { id } })),
    findAccountByThumbprint: async (thumbprint) => toAccount(await store.acmeAccount.findUnique({ where: { thumbprint } })),
    createAccount: async (account, at) => ((await makeRoom(store, limits, at)) ? createAccount(store, account, at) : undefined),
    createOrder: (order) => store.$transaction((tx) => createOrder(tx, order)),
    findOrder: async (id) => toOrder(await store.acmeOrder.findUnique({ where: { id } })),
    attest: (result) => attest(store, result),
    fail: async (id, problem) => {
      const data = { status: 'invalid' as const, problem: problem as Prisma.InputJsonObject }
      return (await store.acmeOrder.updateMany({ where: { id, status: 'pending' }, data })).count === 1
    },
    issue: (result) => issue(store, result),
  }
}

async function clean(store: Store, at: Date): Promise<void> {
  await store.acmeNonce.deleteMany({ where: { expiresAt: { lte: at } } })
  await store.$executeRaw`
    DELETE FROM "AcmeNonce" WHERE "nonce" IN (SELECT "nonce" FROM "AcmeNonce" ORDER BY "expiresAt" DESC OFFSET ${MAX_NONCES})`
  const before = new Date(at.getTime() - ACCOUNT_WITHOUT_ORDER_MS)
  // Its certificate is nobody’s identity and its evidence is kept elsewhere: one order and one account a Mac and a day would stay for ever.
  await store.acmeOrder.deleteMany({ where: { purpose: 'reattestation', expiresAt: { lt: before } } })
  await store.acmeAccount.deleteMany({ where: { createdAt: { lt: before }, orders: { none: {} } } })
}

/** True when one more account without an order may be made. */
async function makeRoom(store: Store, { maxIdleAccounts }: AcmeLimits, at: Date): Promise<boolean> {
  const idle = { orders: { none: {} } }
  const excess = (await store.acmeAccount.count({ where: idle })) - maxIdleAccounts + 1
  if (excess <= 0) return true
  const old = { ...idle, createdAt: { lt: new Date(at.getTime() - YOUNG_ACCOUNT_MS) } }
  const oldest = await store.acmeAccount.findMany({ where: old, orderBy: { createdAt: 'asc' }, take: excess, select: { id: true } })
  // Asked again: one of them may have ordered meanwhile.
  const forgotten = await store.acmeAccount.deleteMany({ where: { ...idle, id: { in: oldest.map(({ id }) => id) } } })
  return forgotten.count >= excess
}

async function createAccount(store: Store, account: AcmeAccount, at: Date): Promise<AcmeAccount> {
  const jwk = account.jwk as Prisma.InputJsonObject
  await store.acmeAccount.createMany({ data: [{ ...account, jwk, createdAt: at }], skipDuplicates: true })
  const stored = toAccount(await store.acmeAccount.findUniqueOrThrow({ where: { thumbprint: account.thumbprint } }))
  return stored ?? account
}

async function createOrder(tx: Db, order: Parameters<Acme['createOrder']>[0]): Promise<AcmeOrder | undefined> {
  const { limit, ...data } = order
  await tx.$queryRaw`SELECT "id" FROM "Enrollment" WHERE "id" = ${order.enrollmentId} FOR UPDATE`
  const same = await tx.acmeOrder.findMany({ where: { enrollmentId: order.enrollmentId, identifier: order.identifier } })
  const open = same.find(
    ({ accountId, status, expiresAt }) =>
      accountId === order.accountId && (status === 'pending' || status === 'ready') && expiresAt > order.createdAt,
  )
  if (open !== undefined) return toOrder(open)
  if (same.length >= limit) return undefined
  return toOrder(await tx.acmeOrder.create({ data: { ...data, status: 'pending' } }))
}

/** Undoes the transaction that it is thrown in. */
class Undo extends Error {}

/** Where an enrollment stands when a certificate of this purpose is the next thing. */
const STANDING = {
  enrollment: 'profile_issued',
  external: 'profile_issued',
  renewal: 'enrolled',
  reattestation: 'enrolled',
} as const satisfies Record<AcmePurpose, string>

/** The enrollment's row first, as everywhere: two transactions then never wait for each other. False: it stands elsewhere by now. */
async function holdStanding(tx: Db, enrollmentId: string, purpose: AcmePurpose): Promise<boolean> {
  const [row] = await tx.$queryRaw<{ state: string }[]>`SELECT "state" FROM "Enrollment" WHERE "id" = ${enrollmentId} FOR UPDATE`
  return row?.state === STANDING[purpose]
}

async function attest(store: Store, result: Parameters<Acme['attest']>[0]): ReturnType<Acme['attest']> {
  const { orderId, enrollmentId, purpose, clientIdentifierHash, spki, evidenceDigest, at } = result
  try {
    return await store.$transaction(async (tx) => {
      const stands = await holdStanding(tx, enrollmentId, purpose)
      const ready = await tx.acmeOrder.updateMany({
        where: { id: orderId, enrollmentId, status: 'pending' },
        data: { status: 'ready', attestedSpki: ownBytes(spki), evidenceDigest: ownBytes(evidenceDigest) },
      })
      if (ready.count !== 1) throw new Undo('not_pending')
      const code = { hash: ownBytes(clientIdentifierHash), enrollmentId, protocol: 'acme', purpose, usedAt: null } as const
      const burnt = await tx.clientIdentifier.updateMany({ where: code, data: { usedAt: at } })
      if (!stands || burnt.count !== 1) throw new Undo('reused')
      return 'ready' as const
    })
  } catch (error) {
    if (error instanceof Undo) return error.message === 'reused' ? 'reused' : 'not_pending'
    throw error
  }
}

async function issue(store: Store, result: Parameters<Acme['issue']>[0]): Promise<boolean> {
  const { orderId, enrollmentId, purpose, certificate, identity, at } = result
  try {
    await store.$transaction(async (tx) => {
      if (!(await holdStanding(tx, enrollmentId, purpose))) throw new Undo()
      const order = await tx.acmeOrder.updateMany({
        where: { id: orderId, enrollmentId, status: 'ready' },
        data: { status: 'valid', certificate, identitySha256: identity === undefined ? null : ownBytes(identity.sha256) },
      })
      if (order.count !== 1) throw new Undo()
      if (identity !== undefined) await addIdentity(tx, { enrollmentId, purpose, identity, at })
    })
    return true
  } catch (error) {
    if (error instanceof Undo) return false
    throw error
  }
}

function toAccount(row: { id: string; thumbprint: string; jwk: Prisma.JsonValue } | null): AcmeAccount | undefined {
  if (row === null) return undefined
  return { id: row.id, thumbprint: row.thumbprint, jwk: row.jwk as Record<string, unknown> }
}

function toOrder(row: OrderRow | null): AcmeOrder | undefined {
  if (row === null) return undefined
  const { id, accountId, enrollmentId, purpose, identifier, status, token, createdAt, expiresAt } = row
  return {
    ...{ id, accountId, enrollmentId, purpose, identifier, status, token, createdAt, expiresAt },
    attestedSpki: row.attestedSpki ?? undefined,
    problem: (row.problem ?? undefined) as Record<string, unknown> | undefined,
    certificate: row.certificate ?? undefined,
  }
}
