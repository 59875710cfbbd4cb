import { utf8 } from '#protocol/bytes'
import { type MacId, newId } from '#protocol/ids'
import { deviceLock } from '../../mdm/commands/device-lock.ts'
import { eraseDevice } from '../../mdm/commands/erase-device.ts'
import { restartDevice } from '../../mdm/commands/restart-device.ts'
import { CommandRefused } from '../../mdm/create-mdm.ts'
import { RIGHT_FOR } from '../../mdm/enrollment/access-rights.ts'
import type { Command, EnqueueOptions, Mdm } from '../../mdm/ports.ts'
import type { AuditEvent } from '../audit/events.ts'
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import type { SecretBox } from '../secrets.ts'
import { findAgentKey } from '../store/agent-keys.ts'
import { appendAudit } from '../store/audit.ts'
import type { Db, Store } from '../store/client.ts'
import { findLivingEnrollment, type LivingEnrollment } from '../store/enrollment-lookup.ts'
import { deleteLockPin, insertLockPin, type LockPinRow, listLockPins, listLockPinsOf, rewrapLockPin } from '../store/lock-pins.ts'
import { appendMacEvent } from '../store/mac-events.ts'
import { findMac } from '../store/macs.ts'
import { type CommandRow, hasLiveCommand, listMacCommands } from '../store/mdm-commands.ts'
import type { LockPin, MacActions, MacCommand, Wish } from './mac-action-views.ts'
import { oneAtATime } from './one-at-a-time.ts'

const HOUR_MS = 3600_000

/** What an administrator may do to one Mac over MDM. Every wish is on record before it is queued. */
export type MacActionDeps = {
  store: Store
  clock: Clock
  random: (bytes: number) => Uint8Array
  secrets: Pick<SecretBox, 'seal' | 'open' | 'isCurrent' | 'rewrap'>
  mdm: Pick<Mdm, 'enqueue'>
  /** Asks for the facts, SecurityInfo and, where the agent's key is known, Apple's attestation of it. */
  askAnew: (about: { mac: MacId; enrollmentId: string; agentKey: Uint8Array | undefined }) => Promise<void>
}

export function createMacActions(deps: MacActionDeps): MacActions {
  // Two locks at one moment would each find none under way, and give out two PINs for the one command.
  const lockInTurn = oneAtATime<MacId>()
  return {
    restart: (wish) => restart(deps, wish),
    lock: (wish) => lockInTurn(wish.mac, () => lock(deps, wish)),
    erase: (wish) => erase(deps, wish),
    refresh: (wish) => refresh(deps, wish),
    showLockPin: (wish) => showLockPin(deps, wish),
    listCommands: async (mac, limit) => (await listMacCommands(deps.store, mac, limit)).map(toCommand),
  }
}

/** A restart that comes a day later would come as a surprise. */
async function restart(deps: MacActionDeps, wish: Wish & { notifiesUser: boolean }): Promise<void> {
  const command = restartDevice({ notifiesUser: wish.notifiesUser })
  const { enrollment } = await requireReachable(deps, wish.mac, command)
  const detail = { enrollment: enrollment.id, notifiesUser: wish.notifiesUser }
  await record(deps, wish, 'restart', { type: 'mac.restart-requested', subject: wish.mac, detail })
  await enqueue(deps, enrollment.id, command, { dedupeKey: `restart:${wish.notifiesUser}`, supersedes: 'restart:', ttlMs: HOUR_MS })
}

async function lock(deps: MacActionDeps, wish: Wish & { message: string | undefined }): Promise<{ pin: string }> {
  const pin = newPin(deps.random)
  const command = deviceLock({ pin, ...(wish.message === undefined ? {} : { message: wish.message }) })
  const { enrollment } = await requireReachable(deps, wish.mac, command)
  // Two PINs under way at once: nobody could tell which of them the Mac took.
  if (await hasLiveCommand(deps.store, enrollment.id, command.requestType, deps.clock.now())) {
    throw new AppError('conflict', { public: 'A lock is already under way for this Mac. Its PIN can be shown again.' })
  }
  const id = newId('pin')
  const row = { id, mac: wish.mac, enrollmentId: enrollment.id, envelope: deps.secrets.seal(pinName(id), utf8(pin)) }
  await record(
    deps,
    wish,
    'lock',
    { type: 'mac.lock-requested', subject: wish.mac, detail: { enrollment: enrollment.id } },
    async (tx, createdAt) => insertLockPin(tx, { ...row, createdAt }),
  )
  try {
    await enqueue(deps, enrollment.id, command, { dedupeKey: 'lock', ttlMs: 7 * 24 * HOUR_MS })
  } catch (error) {
    // Nothing was queued: this PIN opens no Mac, and must not stand before one that does.
    if (error instanceof AppError) await deleteLockPin(deps.store, id)
    throw error
  }
  return { pin }
}

async function erase(deps: MacActionDeps, wish: Wish & { serial: string }): Promise<void> {
  const command = eraseDevice()
  const { enrollment, serial } = await requireReachable(deps, wish.mac, command)
  if (wish.serial.trim().toUpperCase() !== serial) {
    throw new AppError('invalid_request', { param: 'serial', public: 'This is not the serial number of that Mac.' })
  }
  await record(deps, wish, 'erase', { type: 'mac.erase-requested', subject: wish.mac, detail: { enrollment: enrollment.id } })
  await enqueue(deps, enrollment.id, command, { dedupeKey: 'erase', ttlMs: 30 * 24 * HOUR_MS })
}

async function refresh(deps: MacActionDeps, wish: Wish): Promise<{ asksApple: boolean }> {
  const { enrollment } = await requireReachable(deps, wish.mac, undefined)
  const key = await findAgentKey(deps.store, wish.mac)
  const agentKey = key !== undefined && key.enrollmentId === enrollment.id ? key.spki : undefined
  const detail = { enrollment: enrollment.id, asksApple: agentKey !== undefined }
  await record(deps, wish, 'refresh', { type: 'mac.refresh-requested', subject: wish.mac, detail })
  await refusable(() => deps.askAnew({ mac: wish.mac, enrollmentId: enrollment.id, agentKey }))
  return { asksApple: agentKey !== undefined }
}

/** A Mac that is locked already takes no second lock: it opens with an earlier PIN than the last, so those are shown as well. */
async function showLockPin(deps: MacActionDeps, wish: Wish): Promise<LockPin & { earlier: LockPin[] }> {
  const [last, ...before] = await listLockPinsOf(deps.store, wish.mac)
  if (last === undefined) throw new AppError('not_found', { public: 'No lock of this Mac is known.' })
  const open = ({ id, envelope, createdAt }: LockPinRow): LockPin => ({
    pin: new TextDecoder().decode(deps.secrets.open(pinName(id), envelope)),
    lockedAt: createdAt,
  })
  const shown = { ...open(last), earlier: before.map(open) }
  const event = { type: 'mac.lock-pin-shown', subject: wish.mac, detail: { enrollment: last.enrollmentId } } as const
  await appendAudit(deps.store, event, { actor: wish.by, at: deps.clock.now() })
  return shown
}

/** Seals every PIN anew that lies under an earlier ESPALIER_SECRET. */
export async function rewrapLockPins({ store, secrets }: Pick<MacActionDeps, 'store' | 'secrets'>): Promise<void> {
  for (const { id, envelope } of await listLockPins(store)) {
    if (!secrets.isCurrent(envelope)) await rewrapLockPin(store, { id, from: envelope, to: secrets.rewrap(pinName(id), envelope) })
  }
}

const pinName = (id: string): string => `lock-pin:${id}`

/** Six digits, each equally likely (a byte above 249 is drawn again). */
export function newPin(random: (bytes: number) => Uint8Array): string {
  let pin = ''
  while (pin.length < 6) for (const byte of random(16)) if (byte < 250 && pin.length < 6) pin += byte % 10
  return pin
}

/** An enrolled Mac of ours whose profile gives the right that the command needs. */
async function requireReachable(
  { store }: MacActionDeps,
  mac: MacId,
  command: Command | undefined,
): Promise<{ enrollment: LivingEnrollment; serial: string }> {
  const row = await findMac(store, mac)
  if (row === undefined) throw new AppError('not_found', { public: 'There is no such Mac.' })
  if (row.revokedAt !== null) throw new AppError('conflict', { public: 'This Mac has been revoked; MDM reaches it no more.' })
  const enrollment = await findLivingEnrollment(store, mac)
  if (enrollment?.state !== 'enrolled') throw new AppError('conflict', { public: 'This Mac is not enrolled here, so MDM cannot reach it.' })
  const right = command === undefined ? 0 : (RIGHT_FOR[command.requestType] ?? 0)
  if ((enrollment.accessRights & right) !== right) {
    throw new AppError('conflict', { public: 'This Mac enrolled without the right that this needs. It has to enroll anew.' })
  }
  return { enrollment, serial: row.serial }
}

type Action = 'restart' | 'lock' | 'erase' | 'refresh'

/** Before it is queued: a record without a command is a question to ask, an erased Mac without a record is none. */
async function record(
  { store, clock }: MacActionDeps,
  { mac, by }: Wish,
  action: Action,
  event: AuditEvent,
  also?: (tx: Db, at: Date) => Promise<void>,
): Promise<void> {
  const at = clock.now()
  await store.$transaction(async (tx) => {
    await appendMacEvent(tx, mac, { type: 'action-requested', action, by }, at)
    await appendAudit(tx, event, { actor: by, at })
    await also?.(tx, at)
  })
}

async function enqueue({ mdm }: MacActionDeps, enrollmentId: string, command: Command, options: EnqueueOptions): Promise<void> {
  await refusable(() => mdm.enqueue(enrollmentId, command, options))
}

async function refusable(ask: () => Promise<unknown>): Promise<void> {
  try {
    await ask()
  } catch (error) {
    if (!(error instanceof CommandRefused)) throw error
    const why = error.reason === 'full' ? 'This Mac has left too many commands unanswered.' : 'This Mac is no longer enrolled here.'
    throw new AppError('conflict', { public: why, cause: error })
  }
}

function toCommand({ error, ...row }: CommandRow): MacCommand {
  return { ...row, error: describeError(error) }
}

/** The ErrorChain as `Commands.settle` stored it, first link first. */
function describeError(error: unknown): string | null {
  if (!Array.isArray(error)) return null
  const links = error.map((link: { code?: unknown; domain?: unknown; description?: unknown }) =>
    `${link.description || 'no description'} (${link.domain || 'no domain'} ${link.code ?? ''})`.trim(),
  )
  return links.length === 0 ? 'The Mac gave no reason.' : links.slice(0, 3).join('; ')
}

/** What a Mac did of what was asked, for its timeline; undefined: nothing that a person asked. */
export function actionOf(requestType: string): Exclude<Action, 'refresh'> | undefined {
  if (requestType === 'RestartDevice') return 'restart'
  if (requestType === 'DeviceLock') return 'lock'
  return requestType === 'EraseDevice' ? 'erase' : undefined
}
