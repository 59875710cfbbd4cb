import type { BootstrapTokens } from '../../mdm/ports.ts'
import type { SecretBox } from '../secrets.ts'
import { ownBytes } from './bytes.ts'
import type { Db, Store } from './client.ts'
import type { Prisma } from './generated/client.ts'

/** Bootstrap tokens, sealed under the name of their enrollment: an envelope moved to another one does not open. */
export function bootstrapTokensIn(store: Store, secrets: Pick<SecretBox, 'seal' | 'open'>): BootstrapTokens {
  return {
    keep: (enrollmentId, token, at) => {
      const envelope = ownBytes(secrets.seal(tokenName(enrollmentId), token))
      return store.$transaction((tx) => keep(tx, { enrollmentId, envelope, keptAt: at }))
    },
    find: async (enrollmentId) => {
      const row = await store.bootstrapToken.findUnique({ where: { enrollmentId } })
      return row === null ? undefined : secrets.open(tokenName(enrollmentId), row.envelope)
    },
    forget: (enrollmentId) => forgetBootstrapTokens(store, { enrollmentId }),
  }
}

/** The enrollment's row is held, so that a token that comes while it ends is not left behind. */
async function keep(tx: Db, token: { enrollmentId: string; envelope: Uint8Array<ArrayBuffer>; keptAt: Date }): Promise<boolean> {
  const [living] = await tx.$queryRaw<{ id: string }[]>`
    SELECT "id" FROM "Enrollment" WHERE "id" = ${token.enrollmentId} AND "state" IN ('authenticated', 'enrolled') FOR UPDATE`
  if (living === undefined) return false
  const { enrollmentId, ...data } = token
  await tx.bootstrapToken.upsert({ where: { enrollmentId }, create: token, update: data })
  return true
}

export async function forgetBootstrapTokens(db: Db, which: Prisma.BootstrapTokenWhereInput): Promise<void> {
  await db.bootstrapToken.deleteMany({ where: which })
}

const tokenName = (enrollmentId: string): string => `bootstrap-token:${enrollmentId}`

/** Seals every token anew that lies under an earlier ESPALIER_SECRET. */
export async function rewrapBootstrapTokens(db: Db, secrets: Pick<SecretBox, 'isCurrent' | 'rewrap'>): Promise<void> {
  for (const { enrollmentId, envelope } of await db.bootstrapToken.findMany()) {
    if (secrets.isCurrent(envelope)) continue
    const data = { envelope: ownBytes(secrets.rewrap(tokenName(enrollmentId), envelope)) }
    await db.bootstrapToken.updateMany({ where: { enrollmentId, envelope: ownBytes(envelope) }, data })
  }
}
