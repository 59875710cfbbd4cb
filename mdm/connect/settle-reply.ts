import type { Authentic } from '../authenticate.ts'
import { sha256 } from '../bytes.ts'
import { arrayAt, integerAt, type PlistDict, stringAt } from '../plist/value.ts'
import type { ErrorChainItem, Reply, StoredCommand } from '../ports.ts'
import type { ConnectContext } from './context.ts'

const MAX_ERRORS = 16

/**
 * A final answer counts only for a command that was sent to this very enrollment and waits for one; anything else is ignored.
 * The listener keeps its facts first, then the command is settled: where either fails, the command stays `sent` and is offered
 * again at the next Idle. So a reply is never lost, and may be told twice.
 */
export async function settleReply(context: ConnectContext, authentic: Authentic, status: Reply['status']): Promise<void> {
  const { deps } = context
  const { enrollment, message, raw, now } = authentic
  const command = await deps.commands.find(enrollment.id, stringAt(message, 'CommandUUID') ?? '')
  if (command === undefined || (command.state !== 'sent' && command.state !== 'not_now')) {
    deps.log?.info({ enrollmentId: enrollment.id }, 'a reply to no waiting command was ignored')
    return
  }
  const errorChain = status === 'Acknowledged' ? [] : readErrorChain(message)
  await tell(context, authentic, { command, status, errorChain })
  if (command.requestType === 'DeviceConfigured' && status === 'Acknowledged') await deps.enrollments.markConfigured(enrollment.id)
  await deps.commands.settle({
    enrollmentId: enrollment.id,
    id: command.id,
    state: status === 'Acknowledged' ? 'acknowledged' : 'failed',
    replyDigest: sha256(raw),
    error: status === 'Acknowledged' ? undefined : errorChain,
    at: now,
  })
}

async function tell(
  { deps, inHand, afterReply }: ConnectContext,
  { enrollment, message, raw, signature, now }: Authentic,
  { command, status, errorChain }: { command: StoredCommand; status: Reply['status']; errorChain: readonly ErrorChainItem[] },
): Promise<void> {
  const { id: enrollmentId, macId, serial } = enrollment
  const commands = inHand.get(enrollmentId) ?? new Set()
  inHand.set(enrollmentId, commands.add(command.id))
  try {
    const { requestType } = command
    const reply: Reply = {
      enrollmentId,
      macId,
      serial,
      command: command.id,
      requestType,
      status,
      plist: message,
      raw,
      signature,
      errorChain,
      at: now,
    }
    await deps.events.onReply(reply)
    await afterReply(reply)
  } finally {
    commands.delete(command.id)
    if (commands.size === 0) inHand.delete(enrollmentId)
  }
}

/** ErrorChain, as far as it is readable: it is for people. */
function readErrorChain(message: PlistDict): ErrorChainItem[] {
  const items = (arrayAt(message, 'ErrorChain') ?? []).slice(0, MAX_ERRORS)
  return items.flatMap((item) => {
    if (!(item instanceof Map)) return []
    const description = stringAt(item, 'USEnglishDescription') ?? stringAt(item, 'LocalizedDescription') ?? ''
    const domain = stringAt(item, 'ErrorDomain') ?? ''
    return [{ code: integerAt(item, 'ErrorCode') ?? 0, domain: domain.slice(0, 256), description: description.slice(0, 1024) }]
  })
}
