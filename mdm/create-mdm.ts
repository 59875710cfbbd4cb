import { handleAcme } from './acme/handle-acme.ts'
import { handleAutomatedEnroll } from './ade/handle-automated-enroll.ts'
import { randomUuid } from './bytes.ts'
import { handleCheckin } from './checkin/handle-checkin.ts'
import type { RepliesInHand } from './connect/context.ts'
import { handleConnect } from './connect/handle-connect.ts'
import { exportExternal } from './enrollment/export-external.ts'
import { type QueueDeps, reattest, removeReattestation, renewIdentity } from './enrollment/further-identity.ts'
import { handleEnroll } from './enrollment/handle-enroll.ts'
import { invite } from './enrollment/invite.ts'
import { issueProfileFor } from './enrollment/issue-profile.ts'
import { inTurn } from './in-turn.ts'
import { plistDict } from './plist/value.ts'
import { writePlistBytes } from './plist/write-plist.ts'
import type { Command, EnqueueOptions, Mdm, MdmDeps, RawReply, RawRequest, Reply } from './ports.ts'
import { createWakeSoon, urgencyOf, type WakeSoon, wake } from './push/wake.ts'
import { refusal } from './refusal.ts'
import { handleScep } from './scep/handle-scep.ts'

/** Live commands of one Mac. A fleet that wants more of a Mac that does not answer is asking wrongly. */
const MAX_LIVE_COMMANDS = 64

/** Apple MDM as a library: bytes in, bytes out; README.md says what is checked where. */
export function createMdm(deps: MdmDeps): Mdm {
  const wakeSoon = createWakeSoon(deps)
  const inHand: RepliesInHand = new Map()
  const oneByOne = inTurn()
  const queue: QueueDeps = {
    deps,
    enqueue: (enrollmentId, command, options) => enqueue({ deps, wakeSoon, inHand }, { enrollmentId, command, ...options }),
    cancel: (enrollmentId, which) => {
      const chosen = 'commandUuid' in which ? { id: which.commandUuid } : which
      return deps.commands.cancel(enrollmentId, chosen, deps.clock.now())
    },
  }
  const afterReply = (reply: Reply): Promise<void> => removeReattestation(queue, reply)
  return {
    handleAutomatedEnroll: guarded(deps, (request) => handleAutomatedEnroll(deps, request)),
    handleEnroll: guarded(deps, (request) => handleEnroll(deps, request)),
    handleAcme: guarded(deps, (request) => handleAcme(deps, request)),
    handleScep: guarded(deps, (request) => handleScep(deps, request)),
    handleCheckin: guarded(deps, (request) => handleCheckin({ deps, wakeSoon }, request)),
    handleConnect: guarded(deps, (request) => handleConnect({ deps, inHand, afterReply }, request)),
    invite: (invitation) => invite(deps, invitation),
    issueProfileFor: (enrollmentId) => issueProfileFor(deps, enrollmentId),
    exportExternal: (invitation) => exportExternal(deps, invitation),
    enqueue: queue.enqueue,
    cancel: queue.cancel,
    wake: (enrollmentId) => wake(deps, enrollmentId, 'command'),
    end: (enrollmentId) => deps.enrollments.end(enrollmentId, deps.clock.now()),
    reattest: (enrollmentId, wish) => oneByOne(enrollmentId, () => reattest(queue, enrollmentId, wish)),
    renewIdentity: (enrollmentId) => oneByOne(enrollmentId, () => renewIdentity(queue, enrollmentId)),
    revokeIdentities: (which, reason) => {
      const chosen = 'certificateSha256' in which ? { sha256: which.certificateSha256 } : which
      return deps.enrollments.revokeIdentities(chosen, { reason, at: deps.clock.now() })
    },
  }
}

/** Whatever fails on our side is a 500: the Mac keeps its message and comes again. */
function guarded(deps: MdmDeps, handle: (request: RawRequest) => Promise<RawReply>) {
  return async (request: RawRequest): Promise<RawReply> => {
    try {
      return await handle(request)
    } catch (error) {
      deps.log?.error({ err: error, path: request.path.split('/')[1] }, 'an MDM request failed on our side')
      return refusal(500, 'INTERNAL')
    }
  }
}

type EnqueueContext = { deps: MdmDeps; wakeSoon: WakeSoon; inHand: RepliesInHand }

/**
 * The command whose reply is being handled right now does not count as a live twin: a listener may ask the same again.
 * Nor is the Mac pushed then, since that very reply will carry the next command.
 */
async function enqueue(
  { deps, wakeSoon, inHand }: EnqueueContext,
  options: EnqueueOptions & { enrollmentId: string; command: Command },
): Promise<string> {
  const { enrollmentId, command } = options
  const id = randomUuid(deps.random)
  const now = deps.clock.now()
  const body = new Map([...plistDict({ RequestType: command.requestType }), ...command.payload])
  const queued = await deps.commands.enqueue({
    id,
    enrollmentId,
    requestType: command.requestType,
    payload: writePlistBytes(plistDict({ CommandUUID: id, Command: body })),
    dedupeKey: options.dedupeKey,
    supersedes: options.supersedes,
    except: [...(inHand.get(enrollmentId) ?? [])],
    limit: MAX_LIVE_COMMANDS,
    createdAt: now,
    expiresAt: new Date(now.getTime() + options.ttlMs),
  })
  if (queued.status === 'full' || queued.status === 'ended') throw new CommandRefused(queued.status, enrollmentId)
  if (!inHand.has(enrollmentId)) wakeSoon(enrollmentId, options.urgency ?? urgencyOf(command))
  return queued.id
}

/** `full`: the Mac has too many unanswered commands. `ended`: there is no such living enrollment. */
export class CommandRefused extends Error {
  readonly reason: 'full' | 'ended'

  constructor(reason: 'full' | 'ended', enrollmentId: string) {
    super(`no command can be queued for ${enrollmentId}: ${reason}`)
    this.name = 'CommandRefused'
    this.reason = reason
  }
}
