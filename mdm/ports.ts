import type { KeyObject, webcrypto, X509Certificate } from 'node:crypto'
import type { MachineInfo } from './ade/machine-info.ts'
import type { Declaration } from './ddm/declaration.ts'
import type { StatusReport } from './ddm/status-report.ts'
import type { PlistDict } from './plist/value.ts'

/**
 * Everything that MDM needs from outside. Nothing here knows a database, a fleet or a trust decision.
 * One-time things (link, ClientIdentifier, nonce, certificate) are settled by conditional writes inside the implementation:
 * a method that returns `false` or `undefined` changed nothing.
 */

export type EnrollmentState = 'invited' | 'profile_issued' | 'acme_attested' | 'authenticated' | 'enrolled' | 'unenrolled' | 'superseded'

/** `external`: another MDM server installs our ACME payload; there is an attested identity, and no channel of ours. */
export type EnrollmentKind = 'profile' | 'automated' | 'external'
/** `scep`: an RSA key of which nothing is proved. Good for management, never for trust. */
export type IdentityKind = 'acme' | 'scep'
/** What a certificate is asked for. `reattestation`: for the attestation alone; its certificate is nobody's identity. */
export type AcmePurpose = 'enrollment' | 'renewal' | 'reattestation' | 'external'

/** A code (its SHA-256) by which one Mac may obtain one certificate: an ACME ClientIdentifier, or a SCEP challenge. */
export type ClientIdentifier = {
  hash: Uint8Array
  enrollmentId: string
  protocol: IdentityKind
  purpose: AcmePurpose
  /** The challenge's token, where it was chosen beforehand because it commits to something. */
  token: string | undefined
  expiresAt: Date
  usedAt: Date | undefined
}
export type NewClientIdentifier = Omit<ClientIdentifier, 'enrollmentId' | 'usedAt'>

/**
 * A certificate issued to an enrollment to speak MDM with. `current`: the enrollment names it. `pending`: renewed, and not used yet.
 * `superseded`: its successor has been used.
 */
export type Identity = {
  sha256: Uint8Array
  enrollmentId: string
  kind: IdentityKind
  standing: 'current' | 'pending' | 'superseded' | 'revoked'
  notBefore: Date
  notAfter: Date
}
export type NewIdentity = Pick<Identity, 'sha256' | 'kind' | 'notBefore' | 'notAfter'>

export type Enrollment = {
  id: string
  macId: string
  kind: EnrollmentKind
  identityKind: IdentityKind
  /** The serial number that the invitation was made for. */
  serial: string
  state: EnrollmentState
  linkExpiresAt: Date
  accessRights: number
  /** SHA-256 of the identity certificate (DER) in use. */
  identitySha256: Uint8Array | undefined
  udid: string | undefined
  topic: string | undefined
  pushToken: Uint8Array | undefined
  pushMagic: string | undefined
  /** Since when Apple has given its push token up. */
  unreachableAt: Date | undefined
  /** The Mac said in its last TokenUpdate that it waits in Setup Assistant, and has not been released since. */
  awaitingConfiguration: boolean
  enrolledAt: Date | undefined
}

export interface Enrollments {
  /**
   * Writes the invitation and supersedes this Mac's older invitations that were never used (`invited`, `profile_issued`). An automated one
   * supersedes automated ones alone: a MachineInfo brings it about, whose word is good for little, and a person's invitation stands.
   */
  create(invitation: {
    id: string
    macId: string
    serial: string
    kind: EnrollmentKind
    identityKind: IdentityKind
    linkHash: Uint8Array
    linkExpiresAt: Date
    createdAt: Date
  }): Promise<void>
  find(id: string): Promise<Enrollment | undefined>
  findByLink(linkHash: Uint8Array): Promise<Enrollment | undefined>
  findByClientIdentifier(hash: Uint8Array): Promise<{ clientIdentifier: ClientIdentifier; enrollment: Enrollment } | undefined>
  findByIdentity(certificateSha256: Uint8Array): Promise<{ identity: Identity; enrollment: Enrollment } | undefined>
  /** `invited | profile_issued` → `profile_issued` with this code in place of any before it; false once one was used or the link expired. */
  issueProfile(issue: { id: string; clientIdentifier: NewClientIdentifier; accessRights: number; at: Date }): Promise<boolean>
  /** For an `enrolled` enrollment: this code in place of every unused one of the same purpose. False: it is not enrolled. */
  addClientIdentifier(issue: { id: string; clientIdentifier: NewClientIdentifier; at: Date }): Promise<boolean>
  /**
   * What SCEP issued. `enrollment`: `profile_issued` → `acme_attested` (the state is named for the usual way) with this identity in use;
   * `renewal`: it is pending, in place of an earlier pending one. Burns the code in the same transaction; without one, for a renewal, the
   * request was signed under the identity in use. False: the code is used or replaced, or the enrollment has moved on.
   */
  addIdentity(issue: {
    enrollmentId: string
    purpose: 'enrollment' | 'renewal'
    codeHash: Uint8Array | undefined
    identity: NewIdentity
    at: Date
  }): Promise<boolean>
  /** The first message under a `pending` identity: it becomes the one in use, all that were issued before it are superseded. */
  promoteIdentity(use: { enrollmentId: string; sha256: Uint8Array; at: Date }): Promise<boolean>
  /** Revokes identities that are neither revoked nor superseded, for good. Returns how many. */
  revokeIdentities(which: { enrollmentId: string } | { sha256: Uint8Array }, revocation: { reason: string; at: Date }): Promise<number>
  /**
   * `acme_attested | authenticated | enrolled` → `authenticated`: records UDID and topic, clears push info, cancels every live
   * command, supersedes all other living enrollments of the same Mac. One transaction. False: the enrollment has ended.
   */
  authenticate(message: { id: string; udid: string; topic: string; at: Date }): Promise<boolean>
  /** Stores or rotates the push token of an `authenticated | enrolled` enrollment. */
  recordPush(push: { id: string; token: Uint8Array; magic: string; awaitingConfiguration: boolean; at: Date }): Promise<boolean>
  /** The Mac has acknowledged DeviceConfigured: Setup Assistant goes on. */
  markConfigured(id: string): Promise<void>
  /** `authenticated` → `enrolled`, only where a push token is stored. */
  markEnrolled(id: string, at: Date): Promise<boolean>
  /** Any living state → `unenrolled`; cancels live commands and forgets the push token. False when it had already ended. */
  end(id: string, at: Date): Promise<boolean>
  /** Notes that the Mac was heard; it is reachable again, if it was not. */
  touch(id: string, at: Date): Promise<void>
  /** Apple gave this token up. False: the Mac has sent another since. */
  markUnreachable(push: { id: string; token: Uint8Array; at: Date }): Promise<boolean>
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
  dedupeKey: string | undefined
}

export type ErrorChainItem = { code: number; domain: string; description: string }

/** Every method is confined to one enrollment: a CommandUUID alone never reaches another Mac's command. */
export interface Commands {
  /**
   * Appends to the enrollment's queue. Where a live command (queued, sent, not_now) of this enrollment carries the same
   * dedupeKey and is not among `except`, nothing is written and its id returned. `full`: the queue holds `limit` live commands.
   * First, in the same transaction, it cancels the live commands whose dedupeKey begins with `supersedes` and is another, `except`
   * those among `except`: what they ask has been overtaken.
   */
  enqueue(command: {
    id: string
    enrollmentId: string
    requestType: string
    payload: Uint8Array
    dedupeKey: string | undefined
    supersedes: string | undefined
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

/** Bootstrap tokens in escrow: sealed where they lie, and given back to the very enrollment that left them. */
export interface BootstrapTokens {
  /** Takes the place of an earlier one. False: the enrollment has ended or never authenticated. `Enrollments.authenticate` and `end` forget it. */
  keep(enrollmentId: string, token: Uint8Array, at: Date): Promise<boolean>
  find(enrollmentId: string): Promise<Uint8Array | undefined>
  forget(enrollmentId: string): Promise<void>
}

/** The declarations of one enrollment under one token (`declarationsToken`). */
export type DeclarationSet = { declarations: readonly Declaration[]; token: string; changedAt: Date }

/** What declarative management offers. Which declarations a Mac is to have is decided elsewhere. */
export interface Declarations {
  /** Undefined: none are offered to this enrollment. */
  find(enrollmentId: string, at: Date): Promise<DeclarationSet | undefined>
  /** The Mac has fetched the list under this token. */
  fetched(enrollmentId: string, token: string, at: Date): Promise<void>
}

export type AcmeAccount = { id: string; thumbprint: string; jwk: Record<string, unknown> }
export type AcmeOrderStatus = 'pending' | 'ready' | 'processing' | 'valid' | 'invalid'

/** An order with its one authorization and its one device-attest-01 challenge. */
export type AcmeOrder = {
  id: string
  accountId: string
  enrollmentId: string
  purpose: AcmePurpose
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
    purpose: AcmePurpose
    identifier: string
    token: string
    limit: number
    createdAt: Date
    expiresAt: Date
  }): Promise<AcmeOrder | undefined>
  findOrder(id: string): Promise<AcmeOrder | undefined>
  /** `pending` → `ready`, and burns the ClientIdentifier, in one transaction. `reused`: another order had burnt it, or it was replaced. */
  attest(result: {
    orderId: string
    enrollmentId: string
    purpose: AcmePurpose
    clientIdentifierHash: Uint8Array
    spki: Uint8Array
    evidenceDigest: Uint8Array
    at: Date
  }): Promise<'ready' | 'not_pending' | 'reused'>
  /** `pending` → `invalid` with the problem document. */
  fail(orderId: string, problem: Record<string, unknown>): Promise<boolean>
  /**
   * `ready` → `valid` with the chain. By purpose: `enrollment | external`: `acme_attested` with this identity in use; `renewal`: the
   * identity is pending; `reattestation`: no identity. One transaction; false when the enrollment has moved on meanwhile.
   */
  issue(result: {
    orderId: string
    enrollmentId: string
    purpose: AcmePurpose
    certificate: string
    identity: NewIdentity | undefined
    at: Date
  }): Promise<boolean>
}

/** `scope`: whether the answer speaks of this one Mac, or of everything that would be sent now. */
export type PushResult =
  | { status: 'delivered'; apnsId: string | undefined }
  /** 410, or 400 BadDeviceToken: this token will never work again; only a new TokenUpdate helps. */
  | { status: 'unregistered'; reason: string }
  /** 400 DeviceTokenNotForTopic, TopicDisallowed, BadTopic …; 403: the certificate does not match. The operator must act. */
  | { status: 'refused'; httpStatus: number; reason: string; scope: 'mac' | 'all' }
  /** 429, 5xx, or no connection: try again later. `isUncertain`: it broke off after sending, so the push may have arrived. */
  | { status: 'retry'; reason: string; retryAfterMs: number | undefined; scope: 'mac' | 'all'; isUncertain?: true }

export interface Push {
  send(to: { token: Uint8Array; pushMagic: string; topic: string }): Promise<PushResult>
}

export type AttestationVerdict = { ok: true; spki: Uint8Array; evidenceDigest: Uint8Array } | { ok: false; reasons: string[] }

/** Judges an ACME attestation object for an enrollment. Freshness is SHA-256 of the token's ASCII characters. */
export type VerifyAttestation = (request: {
  attObj: Uint8Array
  token: string
  enrollmentId: string
  purpose: AcmePurpose
}) => Promise<AttestationVerdict>

type Subject = { enrollmentId: string; macId: string }

/**
 * Awaited, and delivered at least once: a handler that throws makes the answer a 500, the Mac comes again, and so does the
 * event. Handlers are therefore idempotent.
 */
export interface MdmEvents {
  onProfileIssued(event: Subject & { serial: string; at: Date }): Promise<void>
  /** Before the order becomes ready. */
  onAcmeAttested(
    event: Subject & {
      serial: string
      purpose: AcmePurpose
      attObj: Uint8Array
      token: string
      spki: Uint8Array
      evidenceDigest: Uint8Array
      at: Date
    },
  ): Promise<void>
  /** `attObj` is what was refused, where the refusal came from the challenge. */
  onAcmeRefused(
    event: Subject & { serial: string; purpose: AcmePurpose; reasons: string[]; attObj: Uint8Array | undefined; at: Date },
  ): Promise<void>
  /** The first message under a renewed identity has come: what is known of the old one no longer describes this channel. */
  onIdentityPromoted(event: Subject & { serial: string; identitySha256: Uint8Array; at: Date }): Promise<void>
  /** After the state of an earlier Authenticate (queue, push) was cleared. `isRepeat`: this enrollment had authenticated before. */
  onAuthenticate(event: Subject & { serial: string; isRepeat: boolean; device: AuthenticateFacts; at: Date }): Promise<void>
  /** The first TokenUpdate after an Authenticate. Commands queued here are pushed as soon as it returns. */
  onEnrolled(event: Subject & { serial: string; awaitingConfiguration: boolean; at: Date }): Promise<void>
  onCheckOut(event: Subject & { serial: string; at: Date }): Promise<void>
  /** A Mac's declarative status, as it reported it; `raw` is the report itself. */
  onDeclarativeStatus(event: Subject & { serial: string; report: StatusReport; raw: Uint8Array; at: Date }): Promise<void>
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
  /** The Mdm-Signature (CMS, DER) over `raw`, as it was verified. */
  signature: Uint8Array
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

/** `chain`: the certificates (DER) between the signer's and a root, which go into the signature. */
export type ProfileSigner = Issuer & { chain?: readonly Uint8Array[] }

/** The RSA CA of SCEP, which signs and is encrypted to: its certificate (DER) and private key. */
export type RsaIssuer = { certificate: Uint8Array; privateKey: KeyObject }

export type AutomatedEnrollment = {
  /** Whose devices may say who they are: Apple's device authority (ade/apple-device-ca.ts). */
  anchors: readonly [X509Certificate, ...X509Certificate[]]
  /** The enrollment to let this Mac into; undefined: it is none of ours. */
  admit(machine: MachineInfo): Promise<{ enrollmentId: string } | undefined>
}

export type MdmDeps = {
  /** Where Macs reach this server, without a trailing slash. */
  publicUrl: string
  /** Shown in the profile. */
  organization: string
  clock: { now(): Date }
  random: (bytes: number) => Uint8Array
  /** Issues the Macs' identities; `createDeviceCa()` makes one. */
  ca: Issuer
  /** Undefined: SCEP is not offered, and no identity that it issued is believed any more. */
  scep?: RsaIssuer | undefined
  /** Signs enrollment profiles; `createProfileSigner()` makes one. */
  profileSigner: Issuer
  /** In its place, while it gives one: the company's own certificate, looked for with every profile. */
  companySigner?: (() => Promise<ProfileSigner | undefined>) | undefined
  /** Certificates (DER) of the company's own authority: enrolled Macs are told to trust it, so that they reach this server under it. */
  trustAnchors?: (() => Promise<readonly Uint8Array[]>) | undefined
  /** `com.apple.mgmt.…`: the subject UID of the push certificate in force. Undefined: there is none, and no Mac can enroll. */
  topic: () => string | undefined | Promise<string | undefined>
  push: Push
  wakes: Wakes
  enrollments: Enrollments
  commands: Commands
  bootstrapTokens: BootstrapTokens
  declarations: Declarations
  acme: Acme
  verifyAttestation: VerifyAttestation
  /** Automated Device Enrollment; absent: Setup Assistant finds nothing here. */
  automated?: AutomatedEnrollment
  events: MdmEvents
  log?: Log
}

export type RawRequest = {
  method: string
  /** Path without query, beginning with `/`. */
  path: string
  /** Without its question mark; SCEP alone has one. */
  query?: string
  /** Names in lower case. */
  headers: Readonly<Record<string, string | undefined>>
  body: Uint8Array
  /** The certificate (DER) that the client proved in TLS, as the edge vouches for it. Undefined: none was asked for, or none came. */
  clientCertificate?: Uint8Array | undefined
}

export type RawReply = { status: number; headers: Record<string, string>; body: Uint8Array }

/** A command to be queued: what stands under `Command` in the plist, RequestType included. */
export type Command = { requestType: string; payload: PlistDict }

export type EnqueueOptions = {
  dedupeKey?: string
  /** Live commands whose dedupeKey begins so, and is another, are cancelled: a newer question takes the place of an older one. */
  supersedes?: string
  ttlMs: number
  /** How soon the Mac is to be woken for it; by default a request for fresh attestation goes before everything else. */
  urgency?: WakeUrgency
}

/** `attestation`: somebody waits for fresh evidence; `reminder`: the Mac has been told before. */
export type WakeUrgency = 'attestation' | 'command' | 'reminder'

/** Wishes that Macs be woken: kept until they are done, at most one a Mac, sent out at a bounded rate. */
export interface Wakes {
  want(enrollmentId: string, urgency: WakeUrgency): Promise<void>
  /** The Mac came by itself, or because of a push: what it was to be woken for it hears now. Told before its next command is taken. */
  heard(enrollmentId: string, at: Date): Promise<void>
}

/** What became of one push. `no_token`: there is nothing to push to, or Apple has given the token up. */
export type DeliveryResult = PushResult | { status: 'no_token' }

/** `queued`: it goes out in its turn. */
export type WakeResult = { status: 'queued' | 'no_token' }

export interface Mdm {
  /** POST /enroll/automated */
  handleAutomatedEnroll(request: RawRequest): Promise<RawReply>
  /** GET /enroll/:code */
  handleEnroll(request: RawRequest): Promise<RawReply>
  /** /acme/… */
  handleAcme(request: RawRequest): Promise<RawReply>
  /** GET, POST /scep: answered 404 while SCEP is not offered. */
  handleScep(request: RawRequest): Promise<RawReply>
  /** PUT /mdm/checkin */
  handleCheckin(request: RawRequest): Promise<RawReply>
  /** PUT /mdm/connect */
  handleConnect(request: RawRequest): Promise<RawReply>
  /** The caller has checked that the Mac is in the inventory. `url` is `${publicUrl}/enroll/${code}`. */
  invite(invitation: {
    macId: string
    serial: string
    ttlMs?: number
    /** `automated`: nobody opens the link; `issueProfileFor` gives the profile. */
    kind?: 'profile' | 'automated'
    identityKind?: IdentityKind
  }): Promise<{ enrollmentId: string; code: string; url: string; expiresAt: Date }>
  /** The signed enrollment profile of an invited Mac that is known otherwise than by its link. Undefined: used, ended, or no topic. */
  issueProfileFor(enrollmentId: string): Promise<Uint8Array | undefined>
  /**
   * The unsigned profile that another MDM server installs on one Mac, for which it stays good once: an attested identity and nothing
   * else. The enrollment can never speak to us as a managed one.
   */
  exportExternal(invitation: {
    macId: string
    serial: string
    ttlMs?: number
  }): Promise<{ enrollmentId: string; profile: Uint8Array; expiresAt: Date }>
  /**
   * Has the Mac make a further key and Apple attest it under `token` (base64url of at least 128 bits), in place of an earlier such
   * wish. Answered by `onAcmeAttested` of purpose `reattestation`. Returns the CommandUUID.
   */
  reattest(enrollmentId: string, wish: { token: string; ttlMs: number }): Promise<string>
  /** Sends the enrollment profile again, so that the Mac obtains a new identity of the same kind. Returns the CommandUUID. */
  renewIdentity(enrollmentId: string): Promise<string>
  /** At once and for good: messages under these identities are answered 401 `CERT_REVOKED`. Returns how many were revoked. */
  revokeIdentities(which: { enrollmentId: string } | { certificateSha256: Uint8Array }, reason: string): Promise<number>
  /** Queues a command and wakes the Mac. Returns the CommandUUID: an earlier one where the dedupeKey is already live. */
  enqueue(enrollmentId: string, command: Command, options: EnqueueOptions): Promise<string>
  cancel(enrollmentId: string, which: { commandUuid: string } | { dedupeKey: string }): Promise<number>
  wake(enrollmentId: string): Promise<WakeResult>
  /** Ends an enrollment from our side: its identity is answered 410 from now on. */
  end(enrollmentId: string): Promise<boolean>
}
