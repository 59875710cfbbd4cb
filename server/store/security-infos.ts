import { type MacId, newId } from '#protocol/ids'
import { ownBytes } from './bytes.ts'
import type { Db } from './client.ts'

export type SecurityInfoRow = { report: unknown; evidenceDigest: Uint8Array; receivedAt: Date }

export async function appendSecurityInfo(
  db: Db,
  info: { mac: MacId; enrollmentId: string; report: object; evidenceDigest: Uint8Array; receivedAt: Date },
): Promise<void> {
  await db.securityInfo.create({
    data: {
      id: newId('sec'),
      macId: info.mac,
      enrollmentId: info.enrollmentId,
      report: info.report,
      evidenceDigest: ownBytes(info.evidenceDigest),
      receivedAt: info.receivedAt,
    },
  })
}

export async function findLatestSecurityInfo(db: Db, enrollmentId: string): Promise<SecurityInfoRow | undefined> {
  const row = await db.securityInfo.findFirst({ where: { enrollmentId }, orderBy: { receivedAt: 'desc' } })
  return row === null ? undefined : { report: row.report, evidenceDigest: row.evidenceDigest, receivedAt: row.receivedAt }
}
