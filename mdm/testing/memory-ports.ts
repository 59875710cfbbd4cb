import { sameBytes } from '../bytes.ts'
import type {
  Acme,
  AcmeAccount,
  AcmeOrder,
  BootstrapTokens,
  ClientIdentifier,
  Commands,
  Declarations,
  Enrollment,
  Enrollments,
  Identity,
  StoredCommand,
} from '../ports.ts'

type IdentityRow = Omit<Identity, 'standing'> & { isSuperseded: boolean; isRevoked: boolean }
type EnrollmentRow = Enrollment & { linkHash: Uint8Array; codes: ClientIdentifier[]; identities: IdentityRow[] }
type CommandRow = StoredCommand & { dedupeKey: string | undefined; expiresAt: Date }

/** The ports without a database. Nothing here awaits inside a method, so each is as indivisible as a transaction. */
export function createMemoryPorts(): MemoryPorts {
  const enrollments = new Map<string, EnrollmentRow>()
  const commands: CommandRow[] = []
  const tokens = new Map<string, Uint8Array>()
  return {
    enrollments: memoryEnrollments(enrollments, commands, tokens),
    bootstrapTokens: {
      keep: async (enrollmentId, token) => {
        const state = enrollments.get(enrollmentId)?.state
        if (state !== 'authenticated' && state !== 'enrolled') return false
        tokens.set(enrollmentId, token)
        return true
      },
      find: async (enrollmentId) => tokens.get(enrollmentId),
      forget: async (enrollmentId) => void tokens.delete(enrollmentId),
    },
    declarations: { find: async () => undefined, fetched: async () => {} },
    commands: memoryCommands(enrollments, commands),
    acme: memoryAcme(enrollments),
  }
}

export type MemoryPorts = {
  enrollments: Enrollments
  commands: Commands
  bootstrapTokens: BootstrapTokens
  /** None are offered. */
  declarations: Declarations
  acme: Acme
}

/** The command asks what a newer one of the same kind has overtaken. */
const isOvertaken = (
  row: CommandRow,
  newer: { dedupeKey: string | undefined; supersedes: string | undefined; except: readonly string[] },
): boolean =>
  newer.supersedes !== undefined &&
  row.dedupeKey?.startsWith(newer.supersedes) === true &&
  row.dedupeKey !== newer.dedupeKey &&
  !newer.except.includes(row.id)

const hasEnded = (row: Enrollment) => row.state === 'unenrolled' || row.state === 'superseded'
const isLive = (command: CommandRow) => ['queued', 'sent', 'not_now'].includes(command.state)
const snapshot = <T extends object>(row: T | undefined): T | undefined => (row === undefined ? undefined : { ...row })

function memoryEnrollments(rows: Map<string, EnrollmentRow>, commands: CommandRow[], tokens: Map<string, Uint8Array>): Enrollments {
  const by = async (matches: (row: EnrollmentRow) => boolean) => snapshot([...rows.values()].find(matches))
  const clear = (row: EnrollmentRow) => {
    tokens.delete(row.id)
    Object.assign(row, { pushToken: undefined, pushMagic: undefined, unreachableAt: undefined, enrolledAt: undefined })
    for (const command of commands) if (command.enrollmentId === row.id && isLive(command)) command.state = 'cancelled'
  }
  return {
    create: async ({ createdAt: _, ...invitation }) => {
      for (const row of rows.values()) {
        const isUnused = row.macId === invitation.macId && ['invited', 'profile_issued'].includes(row.state)
        if (isUnused && (invitation.kind !== 'automated' || row.kind === 'automated')) row.state = 'superseded'
      }
      rows.set(invitation.id, { ...EMPTY, codes: [], identities: [], ...invitation, state: 'invited' })
    },
    find: async (id) => snapshot(rows.get(id)),
    findByLink: (hash) => by((row) => sameBytes(row.linkHash, hash)),
    findByClientIdentifier: async (hash) => {
      for (const row of rows.values()) {
        const clientIdentifier = row.codes.find((code) => sameBytes(code.hash, hash))
        if (clientIdentifier !== undefined) return { clientIdentifier: { ...clientIdentifier }, enrollment: { ...row } }
      }
      return undefined
    },
    findByIdentity: async (hash) => {
      for (const row of rows.values()) {
        const identity = row.identities.find((one) => sameBytes(one.sha256, hash))
        if (identity !== undefined) return { identity: { ...identity, standing: standingOf(row, identity) }, enrollment: { ...row } }
      }
      return undefined
    },
    issueProfile: async ({ id, at, clientIdentifier, accessRights }) => {
      const row = rows.get(id)
      if (row === undefined || !['invited', 'profile_issued'].includes(row.state)) return false
      if (row.codes.some(({ usedAt }) => usedAt !== undefined) || row.linkExpiresAt <= at) return false
      row.codes = [{ ...clientIdentifier, enrollmentId: id, usedAt: undefined }]
      Object.assign(row, { accessRights, state: 'profile_issued' })
      return true
    },
    addClientIdentifier: async ({ id, clientIdentifier }) => {
      const row = rows.get(id)
      if (row?.state !== 'enrolled') return false
      row.codes = row.codes.filter(({ purpose, usedAt }) => purpose !== clientIdentifier.purpose || usedAt !== undefined)
      row.codes.push({ ...clientIdentifier, enrollmentId: id, usedAt: undefined })
      return true
    },
    addIdentity: async ({ enrollmentId, purpose, codeHash, identity, at }) => {
      const row = rows.get(enrollmentId)
      const code = codeHash && row?.codes.find((one) => sameBytes(one.hash, codeHash))
      const mayUse = codeHash === undefined ? purpose === 'renewal' : code?.purpose === purpose && code.usedAt === undefined
      if (row?.state !== stateFor(purpose) || row.identityKind !== identity.kind || !mayUse) return false
      if (code !== undefined) code.usedAt = at
      for (const one of row.identities) if (standingOf(row, one) === 'pending') one.isSuperseded = true
      row.identities.push({ ...identity, enrollmentId, isSuperseded: false, isRevoked: false })
      if (purpose === 'enrollment') Object.assign(row, { state: 'acme_attested', identitySha256: identity.sha256 })
      return true
    },
    promoteIdentity: async ({ enrollmentId, sha256 }) => {
      const row = rows.get(enrollmentId)
      const index = row?.identities.findIndex((one) => sameBytes(one.sha256, sha256)) ?? -1
      const identity = row?.identities[index]
      if (row === undefined || identity === undefined || standingOf(row, identity) !== 'pending' || hasEnded(row)) return false
      if (row.identities.some((one) => one.isRevoked && sameBytes(one.sha256, row.identitySha256 ?? new Uint8Array()))) return false
      for (const earlier of row.identities.slice(0, index)) earlier.isSuperseded = true
      row.identitySha256 = sha256
      return true
    },
    revokeIdentities: async (which) => {
      const chosen = [...rows.values()]
        .flatMap((row) => row.identities)
        .filter((one) => ('sha256' in which ? sameBytes(one.sha256, which.sha256) : one.enrollmentId === which.enrollmentId))
        .filter((one) => !one.isRevoked && !one.isSuperseded)
      for (const one of chosen) one.isRevoked = true
      return chosen.length
    },
    authenticate: async ({ id, udid, topic }) => {
      const row = rows.get(id)
      if (row === undefined || !['acme_attested', 'authenticated', 'enrolled'].includes(row.state)) return false
      for (const other of rows.values()) {
        if (other.id === id || other.macId !== row.macId || hasEnded(other)) continue
        other.state = 'superseded'
        clear(other)
      }
      clear(row)
      Object.assign(row, { udid, topic, state: 'authenticated' })
      return true
    },
    recordPush: async ({ id, token, magic, awaitingConfiguration }) => {
      const row = rows.get(id)
      if (row === undefined || !['authenticated', 'enrolled'].includes(row.state)) return false
      Object.assign(row, { pushToken: token, pushMagic: magic, unreachableAt: undefined, awaitingConfiguration })
      return true
    },
    markConfigured: async (id) => {
      const row = rows.get(id)
      if (row !== undefined) row.awaitingConfiguration = false
    },
    markEnrolled: async (id, at) => {
      const row = rows.get(id)
      if (row?.state !== 'authenticated' || row.pushToken === undefined) return false
      Object.assign(row, { state: 'enrolled', enrolledAt: at })
      return true
    },
    end: async (id) => {
      const row = rows.get(id)
      if (row === undefined || hasEnded(row)) return false
      clear(row)
      row.state = 'unenrolled'
      return true
    },
    touch: async (id) => {
      const row = rows.get(id)
      if (row !== undefined) row.unreachableAt = undefined
    },
    markUnreachable: async ({ id, token, at }) => {
      const row = rows.get(id)
      if (row?.pushToken === undefined || row.unreachableAt !== undefined || !sameBytes(row.pushToken, token)) return false
      row.unreachableAt = at
      return true
    },
  }
}

function standingOf(row: EnrollmentRow, identity: IdentityRow): Identity['standing'] {
  if (identity.isRevoked) return 'revoked'
  if (identity.isSuperseded) return 'superseded'
  return row.identitySha256 !== undefined && sameBytes(row.identitySha256, identity.sha256) ? 'current' : 'pending'
}

const EMPTY = {
  accessRights: 0,
  identitySha256: undefined,
  udid: undefined,
  topic: undefined,
  pushToken: undefined,
  pushMagic: undefined,
  unreachableAt: undefined,
  awaitingConfiguration: false,
  enrolledAt: undefined,
}

function memoryCommands(enrollments: Map<string, EnrollmentRow>, rows: CommandRow[]): Commands {
  const own = (enrollmentId: string, id: string) => rows.find((row) => row.enrollmentId === enrollmentId && row.id === id)
  const awaitsReply = (row: CommandRow | undefined) => row?.state === 'sent' || row?.state === 'not_now'
  return {
    enqueue: async ({ dedupeKey, supersedes, except, limit, createdAt, ...command }) => {
      const enrollment = enrollments.get(command.enrollmentId)
      if (enrollment === undefined || hasEnded(enrollment)) return { status: 'ended' }
      const live = rows.filter((row) => row.enrollmentId === command.enrollmentId && isLive(row) && row.expiresAt > createdAt)
      for (const row of live) {
        if (isOvertaken(row, { dedupeKey, supersedes, except })) row.state = 'cancelled'
      }
      const twin = live.find((row) => dedupeKey !== undefined && row.dedupeKey === dedupeKey && !except.includes(row.id))
      if (twin !== undefined) return { status: 'duplicate', id: twin.id }
      if (live.filter(isLive).length >= limit) return { status: 'full' }
      rows.push({ ...command, dedupeKey, state: 'queued' })
      return { status: 'queued', id: command.id }
    },
    find: async (enrollmentId, id) => snapshot(own(enrollmentId, id)),
    takeNext: async (enrollmentId, moment, at) => {
      const live = rows.filter((row) => row.enrollmentId === enrollmentId && isLive(row))
      for (const row of live) if (row.expiresAt <= at) row.state = 'expired'
      const first = live.find((row) => row.state === 'queued' || (moment === 'idle' && row.state === 'sent'))
      const next = first ?? (moment === 'idle' ? live.find((row) => row.state === 'not_now') : undefined)
      if (next !== undefined) next.state = 'sent'
      return snapshot(next)
    },
    settle: async ({ enrollmentId, id, state }) => {
      const row = own(enrollmentId, id)
      if (row === undefined || !awaitsReply(row)) return false
      row.state = state
      return true
    },
    putOff: async (enrollmentId, id) => {
      const row = own(enrollmentId, id)
      if (row?.state !== 'sent') return false
      row.state = 'not_now'
      return true
    },
    cancel: async (enrollmentId, which) => {
      const chosen = rows.filter((row) => row.enrollmentId === enrollmentId && isLive(row))
      const matching = chosen.filter((row) => ('id' in which ? row.id === which.id : row.dedupeKey === which.dedupeKey))
      for (const row of matching) row.state = 'cancelled'
      return matching.length
    },
    hasLive: async (enrollmentId, at) => rows.some((row) => row.enrollmentId === enrollmentId && isLive(row) && row.expiresAt > at),
  }
}

function memoryAcme(enrollments: Map<string, EnrollmentRow>): Acme {
  const nonces = new Map<string, Date>()
  const accounts: AcmeAccount[] = []
  const orders = new Map<string, AcmeOrder>()
  return {
    addNonce: async (nonce, _at, expiresAt) => {
      nonces.set(nonce, expiresAt)
    },
    spendNonce: async (nonce, at) => {
      const expiresAt = nonces.get(nonce)
      return nonces.delete(nonce) && expiresAt !== undefined && expiresAt > at
    },
    findAccount: async (id) => accounts.find((account) => account.id === id),
    findAccountByThumbprint: async (thumbprint) => accounts.find((account) => account.thumbprint === thumbprint),
    createAccount: async (account) => {
      const existing = accounts.find((one) => one.thumbprint === account.thumbprint)
      if (existing === undefined) accounts.push(account)
      return existing ?? account
    },
    createOrder: async ({ limit, ...order }) => {
      const same = [...orders.values()].filter((one) => one.identifier === order.identifier)
      const open = same.find((one) => one.accountId === order.accountId && isOpen(one, order.createdAt))
      if (open !== undefined) return { ...open }
      if (same.length >= limit) return undefined
      orders.set(order.id, { ...order, status: 'pending', attestedSpki: undefined, problem: undefined, certificate: undefined })
      return snapshot(orders.get(order.id))
    },
    findOrder: async (id) => snapshot(orders.get(id)),
    attest: async ({ orderId, enrollmentId, purpose, clientIdentifierHash, spki, at }) => {
      const order = orders.get(orderId)
      const enrollment = enrollments.get(enrollmentId)
      if (order?.status !== 'pending') return 'not_pending'
      const code = enrollment?.codes.find((one) => sameBytes(one.hash, clientIdentifierHash))
      if (enrollment?.state !== stateFor(purpose) || code === undefined || code.usedAt !== undefined) return 'reused'
      code.usedAt = at
      Object.assign(order, { status: 'ready', attestedSpki: spki })
      return 'ready'
    },
    fail: async (orderId, problem) => {
      const order = orders.get(orderId)
      if (order?.status !== 'pending') return false
      Object.assign(order, { status: 'invalid', problem })
      return true
    },
    issue: async ({ orderId, enrollmentId, purpose, certificate, identity }) => {
      const order = orders.get(orderId)
      const enrollment = enrollments.get(enrollmentId)
      if (order?.status !== 'ready' || enrollment?.state !== stateFor(purpose)) return false
      Object.assign(order, { status: 'valid', certificate })
      if (identity !== undefined) enrollment.identities.push({ ...identity, enrollmentId, isSuperseded: false, isRevoked: false })
      if (purpose === 'enrollment' || purpose === 'external') {
        for (const other of enrollments.values()) {
          const isOlder = other.macId === enrollment.macId && other.kind === 'external' && other.state === 'acme_attested'
          if (purpose === 'external' && isOlder) other.state = 'superseded'
        }
        Object.assign(enrollment, { state: 'acme_attested', identitySha256: identity?.sha256 })
      }
      return true
    },
  }
}

const stateFor = (purpose: ClientIdentifier['purpose']): Enrollment['state'] =>
  purpose === 'enrollment' || purpose === 'external' ? 'profile_issued' : 'enrolled'

const isOpen = (order: AcmeOrder, at: Date) => (order.status === 'pending' || order.status === 'ready') && order.expiresAt > at
