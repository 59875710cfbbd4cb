import { z } from 'zod'
import { MacId } from '#protocol/ids'
import { ownBytes } from './bytes.ts'
import type { Db } from './client.ts'

/** When a Mac was last heard under its bound key, and since when without a silence. */
export type ProofOfLife = {
  mac: MacId
  keySha256: Uint8Array
  bootSession: string
  continuousSince: Date
  /** Earlier beginnings since Apple's last attestation, oldest first. */
  interruptions: readonly Date[]
  seenAt: Date
}

const Times = z.array(z.number().int())

/** Any number of Macs in one statement. Of two words about one Mac the later stands. */
export async function saveProofsOfLife(db: Db, proofs: readonly ProofOfLife[]): Promise<void> {
  if (proofs.length === 0) return
  await db.$executeRaw`
    INSERT INTO "ProofOfLife" ("macId", "keySha256", "bootSession", "continuousSince", interruptions, "seenAt")
    SELECT * FROM unnest(
      ${proofs.map((proof) => proof.mac)}::text[], ${proofs.map((proof) => ownBytes(proof.keySha256))}::bytea[],
      ${proofs.map((proof) => proof.bootSession)}::text[], ${proofs.map((proof) => proof.continuousSince)}::timestamptz[],
      ${proofs.map((proof) => JSON.stringify(proof.interruptions.map((at) => at.getTime())))}::jsonb[],
      ${proofs.map((proof) => proof.seenAt)}::timestamptz[])
    ON CONFLICT ("macId") DO UPDATE SET "keySha256" = excluded."keySha256", "bootSession" = excluded."bootSession",
      "continuousSince" = excluded."continuousSince", interruptions = excluded.interruptions, "seenAt" = excluded."seenAt"
    WHERE "ProofOfLife"."seenAt" <= excluded."seenAt"`
}

export async function findProofOfLife(db: Db, mac: MacId): Promise<ProofOfLife | undefined> {
  const row = await db.proofOfLife.findUnique({ where: { macId: mac } })
  if (row === null) return undefined
  const { macId, interruptions, ...proof } = row
  return { ...proof, mac: MacId.parse(macId), interruptions: Times.parse(interruptions).map((at) => new Date(at)) }
}
