import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import type { SecretBox } from '../secrets.ts'
import { appendAudit } from '../store/audit.ts'
import type { Store } from '../store/client.ts'
import {
  confirmSecondFactor,
  countRecoveryCodes,
  findSecondFactor,
  listSecondFactors,
  needsSecondFactor,
  offerSecondFactor,
  removeSecondFactor,
  replaceRecoveryCodes,
  rewrapSecondFactor,
  takeRecoveryCode,
  takeTimeStep,
} from '../store/second-factors.ts'
import type { Role } from './permissions.ts'
import { hashRecoveryCode, newRecoveryCodes } from './recovery-codes.ts'
import { type SignInLimits, tooManyAttempts } from './sign-in-limits.ts'
import { findStep, newTotpSecret, otpauthUri, toBase32 } from './totp.ts'

export type SecondFactorDeps = { store: Store; clock: Clock; secrets: SecretBox; limits: SignInLimits }

type Account = { id: string; email: string }
const ISSUER = 'Espalier'
/** The name under which a secret is sealed: an envelope moved to another account does not open. */
const sealedAs = (userId: string): string => `second-factor:${userId}`

export type FactorAnswer = 'not-set-up' | 'right' | 'missing' | 'wrong'

/**
 * Judges what someone gave besides the right password. A code is taken once; guesses at it are limited for the account over all
 * networks. A recovery code cannot be guessed, and is taken even then.
 */
export async function answerSecondFactor(
  deps: SecondFactorDeps,
  answer: { userId: string; code: string | undefined },
): Promise<FactorAnswer> {
  const factor = await findSecondFactor(deps.store, answer.userId)
  if (factor === undefined || factor.confirmedAt === null) return 'not-set-up'
  const code = answer.code?.trim() ?? ''
  if (code === '') return 'missing'
  const recovery = hashRecoveryCode(code)
  if (recovery !== undefined) return (await takeRecovery(deps, answer.userId, recovery)) ? 'right' : 'wrong'

  const now = deps.clock.now()
  const waitMs = deps.limits.secondFactor.waitMs(answer.userId, now)
  if (waitMs > 0) throw tooManyAttempts(waitMs)
  deps.limits.secondFactor.failed(answer.userId, now)
  const secret = deps.secrets.open(sealedAs(answer.userId), factor.envelope)
  const step = findStep(secret, code.replace(/\s/g, ''), { now, after: factor.lastStep })
  if (step === undefined || !(await takeTimeStep(deps.store, answer.userId, step))) return 'wrong'
  deps.limits.secondFactor.succeeded(answer.userId)
  return 'right'
}

async function takeRecovery(deps: SecondFactorDeps, userId: string, hash: Uint8Array): Promise<boolean> {
  const at = deps.clock.now()
  return deps.store.$transaction(async (db) => {
    if (!(await takeRecoveryCode(db, userId, { hash, at }))) return false
    const left = await countRecoveryCodes(db, userId)
    await appendAudit(db, { type: 'user.recovery-code-used', subject: userId, detail: { left } }, { actor: `user:${userId}`, at })
    return true
  })
}

/** Throws what the answer to a right password has to be, unless nothing more is needed. */
export function assertFactorAnswered(answer: FactorAnswer): void {
  if (answer === 'missing') throw new AppError('second_factor_needed', { param: 'code' })
  if (answer === 'wrong') throw new AppError('wrong_code', { param: 'code' })
}

export type SecondFactorState = { isOn: boolean; isNeeded: boolean; recoveryCodesLeft: number }

export async function readSecondFactor(
  deps: Pick<SecondFactorDeps, 'store'>,
  user: { id: string; role: Role },
): Promise<SecondFactorState> {
  const factor = await findSecondFactor(deps.store, user.id)
  return {
    isOn: factor !== undefined && factor.confirmedAt !== null,
    isNeeded: await needsSecondFactor(deps.store, user.role),
    recoveryCodesLeft: await countRecoveryCodes(deps.store, user.id),
  }
}

/** Makes a secret for an authenticator app; it is asked for once a first code has proved that the app holds it. */
export async function beginSecondFactor(deps: SecondFactorDeps, user: Account): Promise<{ secret: string; uri: string }> {
  const secret = newTotpSecret()
  const offer = { userId: user.id, envelope: deps.secrets.seal(sealedAs(user.id), secret), createdAt: deps.clock.now() }
  const isOffered = await deps.store.$transaction((db) => offerSecondFactor(db, offer))
  if (!isOffered) throw new AppError('conflict', { public: 'A second factor is set up already. Remove it first.' })
  return { secret: toBase32(secret), uri: otpauthUri(secret, { issuer: ISSUER, email: user.email }) }
}

/** Takes the app's first code, and answers the recovery codes, which are shown this once. */
export async function confirmNewSecondFactor(deps: SecondFactorDeps, user: Account, code: string): Promise<{ recoveryCodes: string[] }> {
  const factor = await findSecondFactor(deps.store, user.id)
  if (factor === undefined || factor.confirmedAt !== null) throw new AppError('conflict', { public: 'No second factor is being set up.' })
  const at = deps.clock.now()
  const step = findStep(deps.secrets.open(sealedAs(user.id), factor.envelope), code.replace(/\s/g, ''), { now: at, after: null })
  if (step === undefined) throw new AppError('wrong_code', { param: 'code' })
  const { envelope } = factor
  return deps.store.$transaction(async (db) => {
    if (!(await confirmSecondFactor(db, user.id, { envelope, step, at }))) throw new AppError('conflict')
    const actor = `user:${user.id}` as const
    await appendAudit(db, { type: 'user.second-factor-added', subject: user.id, detail: {} }, { actor, at })
    const recoveryCodes = newRecoveryCodes()
    await replaceRecoveryCodes(db, user.id, recoveryCodes.map(hashOf))
    return { recoveryCodes }
  })
}

/** New recovery codes; those before them are no longer taken. */
export async function renewRecoveryCodes(deps: SecondFactorDeps, user: Account): Promise<{ recoveryCodes: string[] }> {
  const recoveryCodes = newRecoveryCodes()
  const at = deps.clock.now()
  await deps.store.$transaction(async (db) => {
    const factor = await findSecondFactor(db, user.id)
    if (factor === undefined || factor.confirmedAt === null) throw new AppError('conflict', { public: 'No second factor is set up.' })
    await replaceRecoveryCodes(db, user.id, recoveryCodes.map(hashOf))
    const event = { type: 'user.recovery-codes-made', subject: user.id, detail: { count: recoveryCodes.length } } as const
    await appendAudit(db, event, { actor: `user:${user.id}`, at })
  })
  return { recoveryCodes }
}

export async function removeOwnSecondFactor(deps: SecondFactorDeps, user: Account & { role: Role }): Promise<void> {
  const at = deps.clock.now()
  await deps.store.$transaction(async (db) => {
    if (await needsSecondFactor(db, user.role)) throw new AppError('conflict', { public: 'Your role needs a second factor.' })
    if (!(await removeSecondFactor(db, user.id))) throw new AppError('conflict', { public: 'No second factor is set up.' })
    const event = { type: 'user.second-factor-removed', subject: user.id, detail: { how: 'own' } } as const
    await appendAudit(db, event, { actor: `user:${user.id}`, at })
  })
}

/** After a rotation of ESPALIER_SECRET one start with both secrets is enough: every second factor then lies under the new one. */
export async function rewrapSecondFactors({ store, secrets }: Pick<SecondFactorDeps, 'store' | 'secrets'>): Promise<void> {
  for (const { userId, envelope } of await listSecondFactors(store)) {
    if (!secrets.isCurrent(envelope))
      await rewrapSecondFactor(store, { userId, from: envelope, to: secrets.rewrap(sealedAs(userId), envelope) })
  }
}

const hashOf = (code: string): Uint8Array => hashRecoveryCode(code) as Uint8Array
