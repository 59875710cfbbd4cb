import type { MacId } from '#protocol/ids'
import { ownBytes } from './bytes.ts'
import type { Db } from './client.ts'

export type LockPinRow = { id: string; macId: string; enrollmentId: string; envelope: Uint8Array; createdAt: Date }

/** A locked Mac opens with the PIN of the lock that it took, however many were tried on it since; a week each, these are months. */
const KEPT = 10

export async function insertLockPin(db: Db, pin: Omit<LockPinRow, 'macId'> & { mac: MacId }): Promise<void> {
  const { mac, envelope, ...rest } = pin
  await db.lockPin.create({ data: { ...rest, macId: mac, envelope: ownBytes(envelope) } })
  const old = await db.lockPin.findMany({ where: { macId: mac }, orderBy: { createdAt: 'desc' }, skip: KEPT, select: { id: true } })
  if (old.length > 0) await db.lockPin.deleteMany({ where: { id: { in: old.map(({ id }) => id) } } })
}

/** Those that are kept of a Mac, newest first. */
export async function listLockPinsOf(db: Db, mac: MacId): Promise<LockPinRow[]> {
  return db.lockPin.findMany({ where: { macId: mac }, orderBy: [{ createdAt: 'desc' }, { id: 'desc' }] })
}

/** Of a lock that was never queued. */
export async function deleteLockPin(db: Db, id: string): Promise<void> {
  await db.lockPin.deleteMany({ where: { id } })
}

export async function listLockPins(db: Db): Promise<{ id: string; envelope: Uint8Array }[]> {
  return db.lockPin.findMany({ select: { id: true, envelope: true } })
}

/** The same PIN in a new envelope, if it still lies in the old one. */
export async function rewrapLockPin(db: Db, pin: { id: string; from: Uint8Array; to: Uint8Array }): Promise<void> {
  await db.lockPin.updateMany({ where: { id: pin.id, envelope: ownBytes(pin.from) }, data: { envelope: ownBytes(pin.to) } })
}
