import { z } from 'zod'
import { MacId } from '#protocol/ids'
import { RINGS } from './rollout.ts'

/** What the console sees and says of agent releases; the schemas are also those of the procedures. */
export const ReleaseView = z.object({
  id: z.string(),
  version: z.string(),
  codeHash: z.string(),
  teamId: z.string().nullable(),
  packageUrl: z.string(),
  packageSha256: z.string(),
  packageBytes: z.number().int(),
  notes: z.string(),
  state: z.enum(['draft', 'rolling', 'paused', 'complete', 'withdrawn']),
  ring: z.enum(RINGS),
  ringSince: z.date().nullable(),
  because: z.string().nullable(),
  createdAt: z.date(),
  startedAt: z.date().nullable(),
  endedAt: z.date().nullable(),
  /** Whether the policy in force lets Macs that run it serve. */
  isAllowed: z.boolean(),
  /** Connected Macs that run it, and those of them that requests may go to. */
  running: z.number().int(),
  routable: z.number().int(),
  failed: z.number().int(),
  baselineShare: z.number(),
})
export type ReleaseView = z.infer<typeof ReleaseView>

export const ReleasesView = z.object({
  releases: z.array(ReleaseView),
  /** Macs in each ring. */
  rings: z.record(z.enum(RINGS), z.number().int()),
  /** Versions that connected Macs run, with their number; releases that are not listed here included. */
  running: z.array(z.object({ version: z.string(), macs: z.number().int() })),
})
export type ReleasesView = z.infer<typeof ReleasesView>

export const AddRelease = z.strictObject({
  version: z.string().trim().min(1).max(64),
  codeHash: z.string().regex(/^[0-9a-f]{64}$/, 'The code hash is SHA-256 in small hexadecimal digits.'),
  teamId: z
    .string()
    .regex(/^[A-Z0-9]{10}$/, 'A Team ID has 10 capital letters and digits.')
    .nullable(),
  bundleIdentifier: z.string().regex(/^[A-Za-z0-9.-]{3,155}$/),
  packageUrl: z.url({ protocol: /^https$/, error: 'Macs fetch packages over https.' }).max(2048),
  packageSha256: z.string().regex(/^[0-9a-f]{64}$/, 'The package’s hash is SHA-256 in small hexadecimal digits.'),
  packageBytes: z.number().int().min(1).max(4_000_000_000),
  notes: z.string().trim().max(2000).default(''),
})
export type AddRelease = z.infer<typeof AddRelease>

/** `resume`: after a stop, at the ring where it stopped. `withdraw`: its Macs go back to the release before. */
export const ReleaseChange = z.enum(['start', 'pause', 'resume', 'withdraw'])
export type ReleaseChange = z.infer<typeof ReleaseChange>

export const RingChange = z.strictObject({ macs: z.array(MacId).min(1).max(500), ring: z.enum(RINGS) })

type By = `user:${string}`

export interface Releases {
  list(): Promise<ReleasesView>
  /** Throws `conflict` for code that is known already. */
  add(release: AddRelease, by: By): Promise<{ id: string }>
  /** Throws `conflict` where the release’s state, or the policy, does not allow it. */
  change(which: { id: string; change: ReleaseChange }, by: By): Promise<void>
  /** Returns how many Macs changed their ring. */
  putInRing(change: z.infer<typeof RingChange>, by: By): Promise<number>
}
