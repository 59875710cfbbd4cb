import type { Claims, SignedRevocationList } from '#protocol/frames'
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
  /** What this session should be asked for so that its key is bound, or bound more strongly; nothing where it is as wanted. */
  chooseKeyProofs(session: { mac: MacId; agentKey: Uint8Array; offers: readonly KeyProofOffer[] }): Promise<readonly KeyProofAsk[]>
  /** The agent has put a certificate of its key where this Mac's MDM client reports it: MDM is asked next. */
  keyPublished(publication: { mac: MacId; agentKey: Uint8Array; certificate: Uint8Array }): Promise<void>
  /** Platform SSO's word about the agent's key. True: the key is bound at level `apple` now. */
  keyAttested(attestation: {
    mac: MacId
    session: SessionId
    nonce: Uint8Array
    agentKey: Uint8Array
    chain: readonly Uint8Array[]
  }): Promise<boolean>
  /** A signed heartbeat under the bound key. */
  alive(beat: { mac: MacId; session: SessionId; at: Date }): void
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

export type KeyProofOffer = 'mdm-signed' | 'apple'
export type KeyProofAsk = { type: 'publish-key' | 'attest-key'; nonce: Uint8Array }

/** The list of what is revoked, as the gateway passes it on and learns of a newer one. */
export interface RevocationSource {
  readonly number: number
  readonly signed: SignedRevocationList | undefined
  /** While false, nothing routes. */
  readonly isInForce: boolean
  /** The agent of this Mac, its key proved, holds this number: is its list newer than ours? */
  isWanted(number: number | undefined, mac: MacId): boolean
  adopt(signed: SignedRevocationList): Promise<boolean>
}

/** What the fleet desk tells the gateway; `gateway` implements it, `server/main.ts` joins the two. */
export interface SessionControl {
  /** A ticket for this Mac was delivered: sessions with an unproved key should be asked for the proof now. */
  ticketDelivered(mac: MacId, ticketId: string): void
  /** This key was bound to this Mac by other means than a ticket: the session that holds it is challenged once more. */
  keyProved(mac: MacId, agentKey: Uint8Array): void
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
  /** As the signed claims name them; null before the first answer. */
  agentVersion: string
  codeHash: string | null
  thermal: string | null
  /** Requests may go there now. */
  isRoutable: boolean
}
