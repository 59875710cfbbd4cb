import type { webcrypto } from 'node:crypto'
import type { PlistDict } from './plist/value.ts'

/**
 * Everything that MDM needs from outside. Nothing here knows a database, a fleet or a trust decision.
 * One-time things (link, ClientIdentifier, nonce, certificate) are settled by conditional writes inside the implementation:
 * a method that returns `false` or `undefined` changed nothing.
 */

export type EnrollmentState = 'invited' | 'profile_issued' | 'acme_attested' | 'authenticated' | 'enrolled' | 'unenrolled' | 'superseded'

export type Enrollment = {
  id: string
  macId: string
  /** The serial number that the invitation was made for. */
  serial: string
  state: EnrollmentState
  linkExpiresAt: Date
  clientIdentifierExpiresAt: Date | undefined
  clientIdentifierUsedAt: Date | undefined
  accessRights: number
  /** SHA-256 of the one identity certificate (DER) that our ACME issued to this enrollment. */
  identitySha256: Uint8Array | undefined
  udid: string | undefined
  topic: string | undefined
  pushToken: Uint8Array | undefined
  pushMagic: string | undefined
  enrolledAt: Date | undefined
}

export interface Enrollments {
  /** Writes the invitation and supersedes this Mac's older invitations that were never used (`invited`, `profile_issued`). */
  create(invitation: {
    id: string
    macId: string
    serial: string
    linkHash: Uint8Array
    linkExpiresAt: Date
    createdAt: Date
  }): Promise<void>
  find(id: string): Promise<Enrollment | undefined>
  findByLink(linkHash: Uint8Array): Promise<Enrollment | undefined>
  findByClientIdentifier(hash: Uint8Array): Promise<Enrollment | undefined>
  findByIdentity(certificateSha256: Uint8Array): Promise<Enrollment | undefined>
  /** `invited | profile_issued` → `profile_issued` with a fresh ClientIdentifier; false once one was used or the link expired. */
  issueProfile(issue: {
    id: string
    clientIdentifierHash: Uint8Array
    clientIdentifierExpiresAt: Date
    accessRights: number
    at: Date
  }): Promise<boolean>
  /**
   * `acme_attested | authenticated | enrolled` → `authenticated`: records UDID and topic, clears push info, cancels every live
   * command, supersedes all other living enrollments of the same Mac. One transaction. False: the enrollment has ended.
   */
  authenticate(message: { id: string; udid: string; topic: string; at: Date }): Promise<boolean>
  /** Stores or rotates the push token of an `authenticated | enrolled` enrollment. */
  recordPush(push: { id: string; token: Uint8Array; magic: string; at: Date }): Promise<boolean>
  /** `authenticated` → `enrolled`, only where a push token is stored. */
  markEnrolled(id: string, at: Date): Promise<boolean>
  /** Any living state → `unenrolled`; cancels live commands and forgets the push token. False when it had already ended. */
  end(id: string, at: Date): Promise<boolean>
  touch(id: string, at: Date): Promise<void>
}

export type CommandState = 'queued' | 'sent' | 'not_now' | 'acknowledged' | 'failed' | 'expired' | 'cancelled'

export type StoredCommand = {
  /** CommandUUID. */
  id: string
  enrollmentId: string
  requestType: string
  /** The XML plist that is sent. */
  payload: Uint8Array
  state: CommandState
}

export type ErrorChainItem = { code: number; domain: string; description: string }

/** Every method is confined to one enrollment: a CommandUUID alone never reaches another Mac's command. */
export interface Commands {
  /**
   * Appends to the enrollment's queue. Where a live command (queued, sent, not_now) of this enrollment carries the same
   * dedupeKey and is not among `except`, nothing is written and its id returned. `full`: the queue holds `limit` live commands.
   */
  enqueue(command: {
    id: string
    enrollmentId: string
    requestType: string
    payload: Uint8Array
    dedupeKey: string | undefined
    except: readonly string[]
    limit: number
    createdAt: Date
    expiresAt: Date
  }): Promise<{ status: 'queued' | 'duplicate'; id: string } | { status: 'full' } | { status: 'ended' }>
  find(enrollmentId: string, id: string): Promise<StoredCommand | undefined>
  /**
   * Expires what is overdue, then marks the next command `sent` and returns it. `idle`: a new session, so that commands whose
   * answer never came (`sent`) and those put off (`not_now`, after all others) are offered again; `reply`: queued ones only.
   */
  takeNext(enrollmentId: string, moment: 'idle' | 'reply', at: Date): Promise<StoredCommand | undefined>
  /** `sent | not_now` → settled; false for a command that is not this enrollment's or is settled already. */
  settle(result: {
    enrollmentId: string
    id: string
    state: 'acknowledged' | 'failed'
    replyDigest: Uint8Array
    error: readonly ErrorChainItem[] | undefined
    at: Date
  }): Promise<boolean>
  putOff(enrollmentId: string, id: string): Promise<boolean>
  /** Cancels one live command, or all live ones with a dedupeKey. Returns how many. */
  cancel(enrollmentId: string, which: { id: string } | { dedupeKey: string }, at: Date): Promise<number>
  hasLive(enrollmentId: string, at: Date): Promise<boolean>
}

export type AcmeAccount = { id: string; thumbprint: string; jwk: Record<string, unknown> }
export type AcmeOrderStatus = 'pending' | 'ready' | 'processing' | 'valid' | 'invalid'

/** An order with its one authorization and its one device-attest-01 challenge. */
export type AcmeOrder = {
  id: string
  accountId: string
  enrollmentId: string
  identifier: string
  status: AcmeOrderStatus
  token: string
  createdAt: Date
  expiresAt: Date
  attestedSpki: Uint8Array | undefined
  problem: Record<string, unknown> | undefined
  /** PEM chain, leaf first. */
  certificate: string | undefined
}

export interface Acme {
  addNonce(nonce: string, at: Date, expiresAt: Date): Promise<void>
  /** True exactly once for a nonce that was issued and has not expired. */
  spendNonce(nonce: string, at: Date): Promise<boolean>
  findAccount(id: string): Promise<AcmeAccount | undefined>
  findAccountByThumbprint(thumbprint: string): Promise<AcmeAccount | undefined>
  /** Idempotent by thumbprint: returns the account that stands. Undefined: too many were made lately that ordered nothing. */
  createAccount(account: AcmeAccount, at: Date): Promise<AcmeAccount | undefined>
  /** The same account's open order for the same identifier, else a new one; undefined where `limit` orders were made for it. */
  createOrder(order: {
    id: string
    accountId: string
    enrollmentId: string
    identifier: string
    token: string
    limit: number
    createdAt: Date
    expiresAt: Date
  }): Promise<AcmeOrder | undefined>
  findOrder(id: string): Promise<AcmeOrder | undefined>
  /** `pending` → `ready`, and burns the ClientIdentifier, in one transaction. `reused`: another order had burnt it. */
  attest(result: {
    orderId: string
    enrollmentId: string
    clientIdentifierHash: Uint8Array
    spki: Uint8Array
    evidenceDigest: Uint8Array
    at: Date
  }): Promise<'ready' | 'not_pending' | 'reused'>
  /** `pending` → `invalid` with the problem document. */
  fail(orderId: string, problem: Record<string, unknown>): Promise<boolean>
  /** `ready` → `valid` with the chain; the enrollment becomes `acme_attested` with this identity. One transaction. */
  issue(result: { orderId: string; enrollmentId: string; certificate: string; identitySha256: Uint8Array; at: Date }): Promise<boolean>
}

export type PushResult =
  | { status: 'delivered'; apnsId: string | undefined }
  /** 410, or 400 BadDeviceToken: this token will never work again; only a new TokenUpdate helps. */
  | { status: 'unregistered'; reason: string }
  /** 400 DeviceTokenNotForTopic, TopicDisallowed, BadTopic …; 403: the certificate does not match. The operator must act. */
  | { status: 'refused'; httpStatus: number; reason: string }
  /** 429, 5xx, or no connection: try again later. */
  | { status: 'retry'; reason: string; retryAfterMs: number | undefined }

export interface Push {
  send(to: { token: Uint8Array; pushMagic: string; topic: string }): Promise<PushResult>
}

export type AttestationVerdict = { ok: true; spki: Uint8Array; evidenceDigest: Uint8Array } | { ok: false; reasons: string[] }

/** Judges an ACME attestation object for an enrollment. Freshness is SHA-256 of the token's ASCII characters. */
export type VerifyAttestation = (request: { attObj: Uint8Array; token: string; enrollmentId: string }) => Promise<AttestationVerdict>

type Subject = { enrollmentId: string; macId: string }

/**
 * Awaited, and delivered at least once: a handler that throws makes the answer a 500, the Mac comes again, and so does the
 * event. Handlers are therefore idempotent.
 */
export interface MdmEvents {
  onProfileIssued(event: Subject & { serial: string; at: Date }): Promise<void>
  /** Before the order becomes ready. */
  onAcmeAttested(
    event: Subject & { serial: string; attObj: Uint8Array; token: string; spki: Uint8Array; evidenceDigest: Uint8Array; at: Date },
  ): Promise<void>
  /** `attObj` is what was refused, where the refusal came from the challenge. */
  onAcmeRefused(event: Subject & { serial: string; reasons: string[]; attObj: Uint8Array | undefined; at: Date }): Promise<void>
  /** After the state of an earlier Authenticate (queue, push) was cleared. `isRepeat`: this enrollment had authenticated before. */
  onAuthenticate(event: Subject & { serial: string; isRepeat: boolean; device: AuthenticateFacts; at: Date }): Promise<void>
  /** The first TokenUpdate after an Authenticate. Commands queued here are pushed as soon as it returns. */
  onEnrolled(event: Subject & { serial: string; awaitingConfiguration: boolean; at: Date }): Promise<void>
  onCheckOut(event: Subject & { serial: string; at: Date }): Promise<void>
  /** A final answer to a command of this enrollment, before the command is settled. NotNow is not final. */
  onReply(event: Reply): Promise<void>
}

/** What the Mac says of itself in Authenticate; none of it is proved but the serial, which had to match. */
export type AuthenticateFacts = {
  udid: string
  deviceName: string | undefined
  model: string | undefined
  modelName: string | undefined
  productName: string | undefined
  osVersion: string | undefined
  buildVersion: string | undefined
}

export type Reply = Subject & {
  serial: string
  /** CommandUUID. */
  command: string
  requestType: string
  status: 'Acknowledged' | 'Error' | 'CommandFormatError'
  /** The whole reply; the parsers in `mdm/commands/` read it. */
  plist: PlistDict
  raw: Uint8Array
  errorChain: readonly ErrorChainItem[]
  at: Date
}

export interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** A certificate (DER) and its private key. */
export type Issuer = { certificate: Uint8Array; privateKey: webcrypto.CryptoKey }

export type MdmDeps = {
  /** Where Macs reach this server, without a trailing slash. */
  publicUrl: string
  /** Shown in the profile. */
  organization: string
  clock: { now(): Date }
  random: (bytes: number) => Uint8Array
  /** Issues the Macs' identities; `createDeviceCa()` makes one. */
  ca: Issuer
  /** Signs enrollment profiles; `createProfileSigner()` makes one. */
  profileSigner: Issuer
  /** `com.apple.mgmt.…`: the subject UID of the push certificate in force. Undefined: there is none, and no Mac can enroll. */
  topic: () => string | undefined | Promise<string | undefined>
  push: Push
  enrollments: Enrollments
  commands: Commands
  acme: Acme
  verifyAttestation: VerifyAttestation
  events: MdmEvents
  log?: Log
}

export type RawRequest = {
  method: string
  /** Path without query, beginning with `/`. */
  path: string
  /** Names in lower case. */
  headers: Readonly<Record<string, string | undefined>>
  body: Uint8Array
}

export type RawReply = { status: number; headers: Record<string, string>; body: Uint8Array }

/** A command to be queued: what stands under `Command` in the plist, RequestType included. */
export type Command = { requestType: string; payload: PlistDict }

export type WakeResult = PushResult | { status: 'no_token' }

export interface Mdm {
  /** GET /enroll/:code */
  handleEnroll(request: RawRequest): Promise<RawReply>
  /** /acme/… */
  handleAcme(request: RawRequest): Promise<RawReply>
  /** PUT /mdm/checkin */
  handleCheckin(request: RawRequest): Promise<RawReply>
  /** PUT /mdm/connect */
  handleConnect(request: RawRequest): Promise<RawReply>
  /** The caller has checked that the Mac is in the inventory. `url` is `${publicUrl}/enroll/${code}`. */
  invite(invitation: {
    macId: string
    serial: string
    ttlMs?: number
  }): Promise<{ enrollmentId: string; code: string; url: string; expiresAt: Date }>
  /** Queues a command and wakes the Mac. Returns the CommandUUID: an earlier one where the dedupeKey is already live. */
  enqueue(enrollmentId: string, command: Command, options: { dedupeKey?: string; ttlMs: number }): Promise<string>
  cancel(enrollmentId: string, which: { commandUuid: string } | { dedupeKey: string }): Promise<number>
  wake(enrollmentId: string): Promise<WakeResult>
  /** Ends an enrollment from our side: its identity is answered 410 from now on. */
  end(enrollmentId: string): Promise<boolean>
}
