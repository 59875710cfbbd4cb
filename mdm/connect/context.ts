import type { MdmDeps } from '../ports.ts'

/** The commands whose replies are being handled in this process, by enrollment: see `createMdm`'s enqueue. */
export type RepliesInHand = Map<string, Set<string>>

export type ConnectContext = { deps: MdmDeps; inHand: RepliesInHand }
