import type { SignedRevocationList } from '#protocol/frames'
import type { MacId } from '#protocol/ids'
import { createRevocationJoiner, toRevocationPages } from '#protocol/revocations'
import type { RevocationSource } from '../fleet/ports.ts'
import type { SocketWriter } from './socket-writer.ts'

/** One session's side of the revocation list: an agent's newer list is taken before its Mac is given work, ours is passed on. */
interface RevocationExchange {
  /** After its key is proved. False: it says that it holds a newer list, and showed none that is ours in time. */
  settle(mac: MacId, heldNumber: number | undefined): Promise<boolean>
  /** False: nobody asked for it, or it is no list. */
  receive(signed: SignedRevocationList): boolean
  /** Sends the list in force, unless the agent holds it. */
  send(): void
  abandon(): void
}

/** For sixty pages over a slow line. */
const LIST_LIMIT_MS = 20_000

export function createRevocationExchange(source: RevocationSource, writer: SocketWriter): RevocationExchange {
  const join = createRevocationJoiner()
  let awaited: PromiseWithResolvers<SignedRevocationList | undefined> | undefined
  /** The number that the agent is known to hold. */
  let held = 0

  async function fetchNewer(mac: MacId): Promise<boolean> {
    awaited = Promise.withResolvers()
    const timer = setTimeout(abandon, LIST_LIMIT_MS)
    writer.control({ type: 'send-revocation-list' })
    const signed = await awaited.promise
    clearTimeout(timer)
    awaited = undefined
    if (signed === undefined) return false
    // Another agent may have brought the same list, or a newer one, meanwhile.
    return (await source.adopt(signed)) || !source.isWanted(held, mac)
  }

  function abandon(): void {
    awaited?.resolve(undefined)
  }

  return {
    async settle(mac, heldNumber) {
      held = heldNumber ?? 0
      if (source.isWanted(heldNumber, mac) && !(await fetchNewer(mac))) return false
      this.send()
      return true
    },
    receive(signed) {
      if (awaited === undefined) return false
      const joined = join(signed)
      if (joined.state === 'whole') awaited.resolve(joined.signed)
      return joined.state !== 'malformed'
    },
    send() {
      const { number, signed } = source
      if (signed === undefined || number <= held) return
      held = number
      for (const page of toRevocationPages(signed)) writer.control({ type: 'revocation-list', signed: page })
    },
    abandon,
  }
}
