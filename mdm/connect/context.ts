import type { MdmDeps, Reply } from '../ports.ts'

/** The commands whose replies are being handled in this process, by enrollment: see `createMdm`'s enqueue. */
export type RepliesInHand = Map<string, Set<string>>

export type ConnectContext = {
  deps: MdmDeps
  inHand: RepliesInHand
  /** What MDM does itself once the listener has been told of a final answer, before the command is settled; like it, idempotent. */
  afterReply(reply: Reply): Promise<void>
}
