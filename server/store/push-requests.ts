import { ownBytes } from './bytes.ts'
import type { Db } from './client.ts'

/** There is never more than one. */
const ID = 'pending'

/** Its key, and the key that its mail is encrypted to, lie among the wrapped keys under these names. */
export const REQUEST_KEY = 'push-request'
export const MAIL_KEY = 'push-mail'

export type PushRequestRow = {
  /** DER, PKCS#10. */
  csr: Uint8Array
  organization: string
  email: string
  createdAt: Date
  createdBy: string
  vendor: string | null
  sentAt: Date | null
  signedRequest: string | null
  signedAt: Date | null
}

export async function findPushRequest(db: Db): Promise<PushRequestRow | undefined> {
  const row = await db.pushRequest.findUnique({ where: { id: ID }, omit: { id: true } })
  return row ?? undefined
}

/** False: one is under way already. */
export async function insertPushRequest(
  db: Db,
  request: Pick<PushRequestRow, 'csr' | 'organization' | 'email' | 'createdAt' | 'createdBy'>,
): Promise<boolean> {
  const { count } = await db.pushRequest.createMany({
    data: { id: ID, ...request, csr: ownBytes(request.csr) },
    skipDuplicates: true,
  })
  return count === 1
}

/** False: the request that was signed is no longer the one under way. */
export async function markPushRequestSigned(
  db: Db,
  signed: { csr: Uint8Array; vendor: string; signedRequest: string; at: Date },
): Promise<boolean> {
  const { csr, vendor, signedRequest, at } = signed
  const { count } = await db.pushRequest.updateMany({
    where: { id: ID, csr: ownBytes(csr) },
    data: { vendor, signedRequest, signedAt: at },
  })
  return count === 1
}

export async function markPushRequestSent(db: Db, csr: Uint8Array, at: Date): Promise<boolean> {
  const { count } = await db.pushRequest.updateMany({
    where: { id: ID, csr: ownBytes(csr) },
    data: { vendor: 'mdmcert', sentAt: at },
  })
  return count === 1
}

/** With its keys. False: none was under way. */
export async function deletePushRequest(db: Db): Promise<boolean> {
  await db.wrappedKey.deleteMany({ where: { name: { in: [REQUEST_KEY, MAIL_KEY] } } })
  return (await db.pushRequest.deleteMany({ where: { id: ID } })).count === 1
}
