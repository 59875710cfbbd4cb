import { createHash } from 'node:crypto'
import { isEqual } from '#protocol/bytes'
import { type Canonical, canonicalJson } from '#protocol/canonical'
import { Policy } from '../attestation/policy.ts'
import type { PolicyVersionRow } from '../store/policies.ts'

/** What is stored of a policy: plain JSON without the members that are undefined. */
export const toDocument = (policy: Policy): object => JSON.parse(JSON.stringify(policy))

/** SHA-256 of the document as canonical JSON: what a verdict's policy version stands for. */
export const digestDocument = (document: unknown): Uint8Array =>
  new Uint8Array(
    createHash('sha256')
      .update(canonicalJson(document as Canonical))
      .digest(),
  )

/** The policy of a stored version. Throws where the row is not what was once decided: nothing is judged by a policy of unknown origin. */
export function readPolicy(row: Pick<PolicyVersionRow, 'version' | 'document' | 'digest'>): Policy {
  if (!isEqual(digestDocument(row.document), row.digest)) {
    throw new Error(`policy version ${row.version} in the database is not the document that was approved: its digest differs`)
  }
  return { ...Policy.parse(row.document), version: row.version }
}
