import { sameBytes } from '../bytes.ts'
import type { Acme, AcmeAccount, AcmeOrder, Commands, Enrollment, Enrollments, StoredCommand } from '../ports.ts'

type EnrollmentRow = Enrollment & { linkHash: Uint8Array; clientIdentifierHash: Uint8Array | undefined }
type CommandRow = StoredCommand & { dedupeKey: string | undefined; expiresAt: Date }

/** The ports without a database. Nothing here awaits inside a method, so each is as indivisible as a transaction. */
export function createMemoryPorts(): { enrollments: Enrollments; commands: Commands; acme: Acme } {
  const enrollments = new Map<string, EnrollmentRow>()
  const commands: CommandRow[] = []
  return {
    enrollments: memoryEnrollments(enrollments, commands),
    commands: memoryCommands(enrollments, commands),
    acme: memoryAcme(enrollments),
  }
}

const hasEnded = (row: Enrollment) => row.state === 'unenrolled' || row.state === 'superseded'
const isLive = (command: CommandRow) => ['queued', 'sent', 'not_now'].includes(command.state)
const snapshot = <T extends object>(row: T | undefined): T | undefined => (row === undefined ? undefined : { ...row })

function memoryEnrollments(rows: Map<string, EnrollmentRow>, commands: CommandRow[]): Enrollments {
  const by = async (matches: (row: EnrollmentRow) => boolean) => snapshot([...rows.values()].find(matches))
  const clear = (row: EnrollmentRow) => {
    Object.assign(row, { pushToken: undefined, pushMagic: undefined, enrolledAt: undefined })
    for (const command of commands) if (command.enrollmentId === row.id && isLive(command)) command.state = 'cancelled'
  }
  return {
    create: async ({ createdAt: _, ...invitation }) => {
      for (const row of rows.values()) {
        if (row.macId === invitation.macId && ['invited', 'profile_issued'].includes(row.state)) row.state = 'superseded'
      }
      rows.set(invitation.id, { ...EMPTY, ...invitation, state: 'invited' })
    },
    find: async (id) => snapshot(rows.get(id)),
    findByLink: (hash) => by((row) => sameBytes(row.linkHash, hash)),
    findByClientIdentifier: (hash) => by((row) => row.clientIdentifierHash !== undefined && sameBytes(row.clientIdentifierHash, hash)),
    findByIdentity: (hash) => by((row) => row.identitySha256 !== undefined && sameBytes(row.identitySha256, hash)),
    issueProfile: async ({ id, at, ...issue }) => {
      const row = rows.get(id)
      if (row === undefined || !['invited', 'profile_issued'].includes(row.state)) return false
      if (row.clientIdentifierUsedAt !== undefined || row.linkExpiresAt <= at) return false
      Object.assign(row, issue, { state: 'profile_issued' })
      return true
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
    recordPush: async ({ id, token, magic }) => {
      const row = rows.get(id)
      if (row === undefined || !['authenticated', 'enrolled'].includes(row.state)) return false
      Object.assign(row, { pushToken: token, pushMagic: magic })
      return true
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
    touch: async () => {},
  }
}

const EMPTY = {
  clientIdentifierHash: undefined,
  clientIdentifierExpiresAt: undefined,
  clientIdentifierUsedAt: undefined,
  accessRights: 0,
  identitySha256: undefined,
  udid: undefined,
  topic: undefined,
  pushToken: undefined,
  pushMagic: undefined,
  enrolledAt: undefined,
}

function memoryCommands(enrollments: Map<string, EnrollmentRow>, rows: CommandRow[]): Commands {
  const own = (enrollmentId: string, id: string) => rows.find((row) => row.enrollmentId === enrollmentId && row.id === id)
  const awaitsReply = (row: CommandRow | undefined) => row?.state === 'sent' || row?.state === 'not_now'
  return {
    enqueue: async ({ dedupeKey, except, limit, createdAt, ...command }) => {
      const enrollment = enrollments.get(command.enrollmentId)
      if (enrollment === undefined || hasEnded(enrollment)) return { status: 'ended' }
      const live = rows.filter((row) => row.enrollmentId === command.enrollmentId && isLive(row) && row.expiresAt > createdAt)
      const twin = live.find((row) => dedupeKey !== undefined && row.dedupeKey === dedupeKey && !except.includes(row.id))
      if (twin !== undefined) return { status: 'duplicate', id: twin.id }
      if (live.length >= limit) return { status: 'full' }
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
    attest: async ({ orderId, enrollmentId, clientIdentifierHash, spki, at }) => {
      const order = orders.get(orderId)
      const enrollment = enrollments.get(enrollmentId)
      if (order?.status !== 'pending') return 'not_pending'
      const hash = enrollment?.clientIdentifierHash
      const isFree = enrollment?.state === 'profile_issued' && enrollment.clientIdentifierUsedAt === undefined
      if (enrollment === undefined || !isFree || hash === undefined || !sameBytes(hash, clientIdentifierHash)) return 'reused'
      enrollment.clientIdentifierUsedAt = at
      Object.assign(order, { status: 'ready', attestedSpki: spki })
      return 'ready'
    },
    fail: async (orderId, problem) => {
      const order = orders.get(orderId)
      if (order?.status !== 'pending') return false
      Object.assign(order, { status: 'invalid', problem })
      return true
    },
    issue: async ({ orderId, enrollmentId, certificate, identitySha256 }) => {
      const order = orders.get(orderId)
      const enrollment = enrollments.get(enrollmentId)
      if (order?.status !== 'ready' || enrollment?.state !== 'profile_issued') return false
      Object.assign(order, { status: 'valid', certificate })
      Object.assign(enrollment, { state: 'acme_attested', identitySha256 })
      return true
    },
  }
}

const isOpen = (order: AcmeOrder, at: Date) => (order.status === 'pending' || order.status === 'ready') && order.expiresAt > at
