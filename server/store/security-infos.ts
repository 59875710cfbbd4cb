import { type MacId, newId } from '#protocol/ids'
import { ownBytes } from './bytes.ts'
import type { Db } from './client.ts'

/** False where this very report is kept already: the Mac has sent it again. */
export async function appendSecurityInfo(
  db: Db,
  info: { mac: MacId; enrollmentId: string; report: object; evidenceDigest: Uint8Array; receivedAt: Date },
): Promise<boolean> {
  const same = { enrollmentId: info.enrollmentId, evidenceDigest: ownBytes(info.evidenceDigest) }
  if ((await db.securityInfo.findFirst({ where: same, select: { id: true } })) !== null) return false
  await db.securityInfo.create({
    data: {
      id: newId('sec'),
      macId: info.mac,
      ...same,
      report: info.report,
      receivedAt: info.receivedAt,
    },
  })
  return true
}
