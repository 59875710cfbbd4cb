import { z } from 'zod'
import { type Policy, waiversFor } from '../attestation/policy.ts'
import { nameWaiver } from '../attestation/policy-change.ts'

/** A waiver as it is shown beside the Mac that it touches. */
export const WaiverOnMac = z.object({
  id: z.string(),
  code: z.string(),
  sentence: z.string(),
  why: z.string(),
  until: z.date(),
  /** The Mac would be refused without it. */
  isInUse: z.boolean(),
})
export type WaiverOnMac = z.infer<typeof WaiverOnMac>

/** The waivers in force for this Mac; `waived` are the codes that its newest verdict found and did not count. Pure. */
export function waiversOn(policy: Policy, mac: { id: string; pool: string | null; waived: readonly string[] }, now: Date): WaiverOnMac[] {
  return waiversFor(policy, mac, now).map((waiver) => {
    const { id, code, why, until } = waiver
    return { id, code, why, until: new Date(until), sentence: `${nameWaiver(waiver)}.`, isInUse: mac.waived.includes(code) }
  })
}
