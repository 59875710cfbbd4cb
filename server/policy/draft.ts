import { z } from 'zod'
import { newId } from '#protocol/ids'
import { Policy, PoolName, Waiver } from '../attestation/policy.ts'
import { AppError } from '../errors.ts'

/** What a person may propose: a policy without its number, and waivers that may yet have no id. */

const WaiverDraft = z.strictObject({
  /** Of a waiver that is in the policy already; absent for a new one. */
  id: Waiver.shape.id.optional(),
  code: Waiver.shape.code,
  scope: Waiver.shape.scope,
  why: Waiver.shape.why,
  until: Waiver.shape.until,
})

export const PolicyDraft = Policy.omit({ version: true, waivers: true }).extend({ waivers: z.array(WaiverDraft).max(1000) })
export type PolicyDraft = z.infer<typeof PolicyDraft>

/** How many Macs one version may move: a request has its bound, and so has a transaction. */
const MAX_MOVES = 1000

export const Move = z.strictObject({ mac: z.string().min(1).max(64), pool: PoolName.nullable() })
export const Moves = z
  .array(Move)
  .max(MAX_MOVES)
  .refine((moves) => new Set(moves.map(({ mac }) => mac)).size === moves.length, 'A Mac is moved twice.')
export type Moves = z.infer<typeof Moves>

type Context = { base: Policy; version: number; now: Date }

/**
 * The draft as a policy. A waiver that stands may end earlier, and nothing else about it may change: what it excuses, for whom and why
 * is what was approved. One that has run out is left behind.
 */
export function completeDraft(draft: PolicyDraft, { base, version, now }: Context): Policy {
  const waivers = draft.waivers.flatMap((waiver, index) => {
    const completed = completeWaiver(waiver, { base, now, index })
    return Date.parse(completed.until) <= now.getTime() ? [] : [completed]
  })
  const parsed = Policy.safeParse({ ...draft, version, waivers })
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new AppError('invalid_request', { public: issue?.message ?? 'The policy is malformed.', param: issue?.path.join('.') ?? 'policy' })
}

function completeWaiver(draft: z.infer<typeof WaiverDraft>, { base, now, index }: { base: Policy; now: Date; index: number }): Waiver {
  const param = `waivers.${index}`
  const { id, ...asked } = draft
  if (id === undefined) {
    if (Date.parse(asked.until) <= now.getTime()) throw new AppError('invalid_request', { public: 'A waiver ends in the future.', param })
    return { ...asked, id: newId('wvr'), from: now.toISOString() }
  }
  const standing = base.waivers.find((waiver) => waiver.id === id)
  if (standing === undefined) throw new AppError('invalid_request', { public: 'The policy in force has no waiver of that id.', param })
  const isSame =
    standing.code === asked.code && standing.why === asked.why && JSON.stringify(standing.scope) === JSON.stringify(asked.scope)
  if (!isSame || Date.parse(asked.until) > Date.parse(standing.until)) {
    throw new AppError('invalid_request', { public: 'A waiver that stands can only end earlier. Ask for a new one beside it.', param })
  }
  return { ...standing, until: asked.until }
}

/** Without the waivers that have run out: they excuse nothing, so leaving them behind is no change. */
export const withoutSpent = (policy: Policy, now: Date): Policy => ({
  ...policy,
  waivers: policy.waivers.filter(({ until }) => Date.parse(until) > now.getTime()),
})

export const newWaivers = (base: Policy, policy: Policy): string[] =>
  policy.waivers.flatMap(({ id }) => (base.waivers.some((old) => old.id === id) ? [] : [id]))
