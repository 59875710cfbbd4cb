import { newId } from '#protocol/ids'
import { ownBytes } from './bytes.ts'
import type { Db } from './client.ts'
import type { UserRole } from './users.ts'

export type SecondFactorRow = { userId: string; envelope: Uint8Array; createdAt: Date; confirmedAt: Date | null; lastStep: number | null }

export async function findSecondFactor(db: Db, userId: string): Promise<SecondFactorRow | undefined> {
  return (await db.secondFactor.findUnique({ where: { userId } })) ?? undefined
}

/** Replaces a secret that was never confirmed; false where a confirmed one stands. */
export async function offerSecondFactor(db: Db, offer: { userId: string; envelope: Uint8Array; createdAt: Date }): Promise<boolean> {
  await db.secondFactor.deleteMany({ where: { userId: offer.userId, confirmedAt: null } })
  const { count } = await db.secondFactor.createMany({ data: [{ ...offer, envelope: ownBytes(offer.envelope) }], skipDuplicates: true })
  return count === 1
}

/** The first code was right: from now on one is asked for. False where it was confirmed before, or another secret stands there. */
export async function confirmSecondFactor(
  db: Db,
  userId: string,
  first: { envelope: Uint8Array; step: number; at: Date },
): Promise<boolean> {
  const { count } = await db.secondFactor.updateMany({
    where: { userId, confirmedAt: null, envelope: ownBytes(first.envelope) },
    data: { confirmedAt: first.at, lastStep: first.step },
  })
  return count === 1
}

/** False when this code or a later one was taken before: of two at once one alone is told true. */
export async function takeTimeStep(db: Db, userId: string, step: number): Promise<boolean> {
  const { count } = await db.secondFactor.updateMany({
    where: { userId, confirmedAt: { not: null }, OR: [{ lastStep: null }, { lastStep: { lt: step } }] },
    data: { lastStep: step },
  })
  return count === 1
}

/** Removes it with its recovery codes; false where there was none in use. */
export async function removeSecondFactor(db: Db, userId: string): Promise<boolean> {
  await db.recoveryCode.deleteMany({ where: { userId } })
  const { count } = await db.secondFactor.deleteMany({ where: { userId, confirmedAt: { not: null } } })
  return count === 1
}

export async function replaceRecoveryCodes(db: Db, userId: string, hashes: readonly Uint8Array[]): Promise<void> {
  await db.recoveryCode.deleteMany({ where: { userId } })
  await db.recoveryCode.createMany({ data: hashes.map((hash) => ({ id: newId('rcv'), userId, hash: ownBytes(hash) })) })
}

/** False for one that is not this person's, or was used before: of two at once one alone is told true. */
export async function takeRecoveryCode(db: Db, userId: string, code: { hash: Uint8Array; at: Date }): Promise<boolean> {
  const where = { userId, hash: ownBytes(code.hash), usedAt: null }
  return (await db.recoveryCode.updateMany({ where, data: { usedAt: code.at } })).count === 1
}

export const countRecoveryCodes = (db: Db, userId: string): Promise<number> => db.recoveryCode.count({ where: { userId, usedAt: null } })

/** The envelopes of everybody, for the rotation of ESPALIER_SECRET. */
export const listSecondFactors = (db: Db): Promise<SecondFactorRow[]> => db.secondFactor.findMany()

/** Nothing where the secret was replaced or removed meanwhile. */
export async function rewrapSecondFactor(db: Db, factor: { userId: string; from: Uint8Array; to: Uint8Array }): Promise<void> {
  const where = { userId: factor.userId, envelope: ownBytes(factor.from) }
  await db.secondFactor.updateMany({ where, data: { envelope: ownBytes(factor.to) } })
}

export async function listSecondFactorRules(db: Db): Promise<UserRole[]> {
  return (await db.secondFactorRule.findMany({ orderBy: { role: 'asc' } })).map(({ role }) => role)
}

export const needsSecondFactor = async (db: Db, role: UserRole): Promise<boolean> =>
  (await db.secondFactorRule.findUnique({ where: { role } })) !== null

/** False when it stood so before. */
export async function setSecondFactorRule(db: Db, rule: { role: UserRole; isNeeded: boolean; at: Date }): Promise<boolean> {
  if (!rule.isNeeded) return (await db.secondFactorRule.deleteMany({ where: { role: rule.role } })).count === 1
  return (await db.secondFactorRule.createMany({ data: [{ role: rule.role, since: rule.at }], skipDuplicates: true })).count === 1
}
