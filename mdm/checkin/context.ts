import type { Authentic } from '../authenticate.ts'
import type { MdmDeps, RawReply } from '../ports.ts'
import type { WakeSoon } from '../push/wake.ts'

/** What every message needs: the deps, and a way to wake the Mac that does not wait for Apple's answer. */
export type CheckinContext = { deps: MdmDeps; wakeSoon: WakeSoon }

export type CheckinHandler = (context: CheckinContext, authentic: Authentic) => Promise<RawReply>
