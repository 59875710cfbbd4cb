import { MacId, newId } from '#protocol/ids'
import type { Db } from './client.ts'

export type MacRow = {
  id: MacId
  serial: string
  name: string | null
  model: string | null
  osVersion: string | null
  isSoftware: boolean
  addedAt: Date
  revokedAt: Date | null
  quarantinedAt: Date | null
  quarantineReason: string | null
  /** The pool of the policy that it is judged by; null: everyone’s rules. */
  pool: string | null
  /** When releases of the agent reach it. */
  ring: 'canary' | 'early' | 'all'
  releasedAt: Date | null
}

const toRow = (row: Omit<MacRow, 'id'> & { id: string }): MacRow => ({ ...row, id: MacId.parse(row.id) })

/** The Mac of this serial, entered into the inventory if it is not there yet. */
export async function ensureMac(db: Db, mac: { serial: string; addedAt: Date }): Promise<MacRow> {
  await db.mac.createMany({ data: [{ id: newId('mac'), serial: mac.serial, addedAt: mac.addedAt }], skipDuplicates: true })
  return toRow(await db.mac.findUniqueOrThrow({ where: { serial: mac.serial } }))
}

/** Enters every serial number into the inventory that is not there yet. */
export async function ensureMacs(db: Db, macs: { serials: readonly string[]; addedAt: Date }): Promise<void> {
  const data = macs.serials.map((serial) => ({ id: newId('mac'), serial, addedAt: macs.addedAt }))
  await db.mac.createMany({ data, skipDuplicates: true })
}

export async function findMac(db: Db, id: MacId): Promise<MacRow | undefined> {
  const row = await db.mac.findUnique({ where: { id } })
  return row === null ? undefined : toRow(row)
}

export async function findMacBySerial(db: Db, serial: string): Promise<MacRow | undefined> {
  const row = await db.mac.findUnique({ where: { serial } })
  return row === null ? undefined : toRow(row)
}

export async function listMacs(db: Db): Promise<MacRow[]> {
  return (await db.mac.findMany({ orderBy: { addedAt: 'asc' } })).map(toRow)
}

/** What the Mac says of itself over MDM: for people to recognise it by, never for trust. What it leaves out stays as it was. */
export async function describeMac(
  db: Db,
  id: MacId,
  facts: { deviceName: string | undefined; model: string | undefined; osVersion: string | undefined; isAppleSilicon?: boolean | undefined },
): Promise<void> {
  const data = {
    ...(facts.deviceName === undefined ? {} : { name: facts.deviceName }),
    ...(facts.model === undefined ? {} : { model: facts.model }),
    ...(facts.osVersion === undefined ? {} : { osVersion: facts.osVersion }),
    ...(facts.isAppleSilicon === undefined ? {} : { isAppleSilicon: facts.isAppleSilicon }),
  }
  await db.mac.update({ where: { id }, data })
}

/** A Mac made of software says so in its claims, and its evidence leads to the evaluation root. */
export async function markSoftwareMac(db: Db, id: MacId): Promise<void> {
  await db.mac.updateMany({ where: { id, isSoftware: false }, data: { isSoftware: true } })
}

/** False when it was revoked before. */
export async function revokeMac(db: Db, id: MacId, at: Date): Promise<boolean> {
  return (await db.mac.updateMany({ where: { id, revokedAt: null }, data: { revokedAt: at } })).count === 1
}

/** False when it was in quarantine already: the first reason stands. */
export async function quarantineMac(db: Db, id: MacId, quarantine: { reason: string; at: Date }): Promise<boolean> {
  const { count } = await db.mac.updateMany({
    where: { id, quarantinedAt: null },
    data: { quarantinedAt: quarantine.at, quarantineReason: quarantine.reason },
  })
  return count === 1
}

/** Out of quarantine, by a person's decision. False when it was not in it. */
export async function releaseMac(db: Db, id: MacId, at: Date): Promise<boolean> {
  const { count } = await db.mac.updateMany({
    where: { id, quarantinedAt: { not: null } },
    data: { quarantinedAt: null, quarantineReason: null, releasedAt: at },
  })
  return count === 1
}
