import type { Claims } from '#protocol/frames'
import type { MacId, SessionId } from '#protocol/ids'
import type { MacView } from '../scheduler/snapshot.ts'

/** What the gateway asks of the fleet desk while a Mac's agent connects. `fleet` implements it; `gateway` calls it. */
export interface FleetDesk {
  /** Undefined: no such serial in the inventory, or the Mac is revoked; the socket is not told, and closed as one that proves nothing. */
  identify(hello: { serial: string; agentKey: Uint8Array }): Promise<Identified | undefined>
  /** Checks the proof against the outstanding ticket; burns it on success. False: close the socket, change nothing else. */
  proveTicket(proof: {
    mac: MacId
    ticketId: string
    session: SessionId
    nonce: Uint8Array
    agentKey: Uint8Array
    hmac: Uint8Array
  }): Promise<boolean>
  /** The bound key answered a challenge in time: the claims are now this Mac's own words. */
  challengeAnswered(answer: { mac: MacId; session: SessionId; agentKey: Uint8Array; claims: Claims; at: Date }): Promise<void>
  /** A session that had answered a challenge missed two in a row, or signed wrongly under the bound key. */
  livenessLost(loss: { mac: MacId; session: SessionId; reason: 'CHALLENGE_MISSED' | 'CHALLENGE_BAD_SIG' }): Promise<void>
  sessionOpened(session: { mac: MacId; session: SessionId }): Promise<void>
  sessionClosed(session: { mac: MacId; session: SessionId; reason: string }): Promise<void>
}

export type Identified = {
  mac: MacId
  /** `bound`: this very key was proved with a ticket before. `ticket`: a delivered ticket waits to be proved. `none`: neither yet. */
  key: { state: 'bound' } | { state: 'ticket'; ticketId: string } | { state: 'none' }
}

/** What the fleet desk tells the gateway; `gateway` implements it, `server/main.ts` joins the two. */
export interface SessionControl {
  /** A ticket for this Mac was delivered: sessions with an unproved key should be asked for the proof now. */
  ticketDelivered(mac: MacId, ticketId: string): void
  /** A new verdict; passed on to the agent and to the snapshot. */
  verdictChanged(mac: MacId, verdict: SessionVerdict): void
  /** Closes this Mac's sessions: revoked, re-enrolled or displaced. */
  disconnect(mac: MacId, reason: string): void
}

/** Past `until` a trusted verdict is worth nothing, whether or not a newer one has arrived. */
export type SessionVerdict =
  | { trust: 'trusted'; evidenceDigest: string; agentKey: Uint8Array; until: Date }
  | { trust: 'refused'; reasons: readonly string[] }

/** What people may see of a Mac's session; `gateway` implements it. */
export interface SessionReader {
  find(mac: MacId): SessionView | undefined
  /** One per connected Mac: the session whose key has proved to be its own. */
  list(): SessionView[]
}

export type SessionView = MacView & {
  session: SessionId
  openedAt: Date
  agentVersion: string
  thermal: string | null
  /** Requests may go there now. */
  isRoutable: boolean
}
