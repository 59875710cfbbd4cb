import { createHash } from 'node:crypto'
import { hex } from '#protocol/bytes'
import { MacId } from '#protocol/ids'
import type { Mdm, MdmEvents } from '../../mdm/ports.ts'
import type { Alerts, RaisedAlert } from '../alerts/alerts.ts'
import type { Actor } from '../audit/events.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { appendAudit } from '../store/audit.ts'
import type { Store } from '../store/client.ts'
import { giveRenewalUp, listAgingIdentities, type RenewalRow, recordRenewalAttempt } from '../store/identity-renewals.ts'
import { appendMacEvent } from '../store/mac-events.ts'
import type { Appraiser } from './appraise.ts'

const DAY_MS = 24 * 3600_000
/** At two thirds of its life: of 180 days, 60 remain. */
const RENEW_AT = 2 / 3
/** Macs enrolled on one morning must not all renew in one hour four months later. */
const JITTER_MS = 3 * DAY_MS
/** A Mac may sleep for a weekend, or for a fortnight's holiday; a profile that it cannot install is not sent every hour. */
const BACK_OFF_MS = [1, 2, 4, 8, 16].map((days) => days * DAY_MS)
const MAX_ATTEMPTS = 6
/** An hour's work. 10,000 Macs of one morning take nine days of the sixty. */
const MAX_PER_RUN = 50
/** Looked at in one run; those that wait for their next attempt are among them. */
const MAX_LOOKED_AT = 5_000
const ALERT = 'identity-renewal'

export type RenewalDeps = {
  store: Store
  clock: Clock
  mdm: () => Pick<Mdm, 'renewIdentity'>
  alerts: Pick<Alerts, 'settle'>
  log: Log
}

/**
 * One round: every Mac whose identity has passed two thirds of its life is sent its profile once more, one attempt at a time, ever more
 * rarely, and not for ever: what six attempts did not renew is an administrator's to look at.
 */
export async function renewIdentities(deps: RenewalDeps): Promise<void> {
  const now = deps.clock.now()
  const rows = await listAgingIdentities(deps.store, { now, share: RENEW_AT, limit: MAX_LOOKED_AT })
  const failures: unknown[] = []
  let asked = 0
  for (const row of rows) {
    const next = chooseRenewalStep(row, now)
    if (next === 'give-up') await giveUp(deps, row, now)
    if (next !== 'ask' || asked >= MAX_PER_RUN) continue
    asked++
    await askForRenewal(deps, row).catch((error: unknown) => failures.push(error))
  }
  await deps.alerts.settle(ALERT, rows.filter((row) => chooseRenewalStep(row, now) === 'give-up' || row.givenUpAt !== null).map(alertOf))
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} Macs could not be asked to renew their identity`)
}

/** Pure. `ask`: send the profile (again); `give-up`: it was sent often enough. */
export function chooseRenewalStep(row: RenewalRow, now: Date): 'wait' | 'ask' | 'give-up' | 'given-up' {
  if (row.givenUpAt !== null) return 'given-up'
  const life = row.notAfter.getTime() - row.notBefore.getTime()
  const due = row.notBefore.getTime() + life * RENEW_AT + jitterOf(row.macId, life)
  if (row.attempts === 0 || row.askedAt === null) return now.getTime() >= due ? 'ask' : 'wait'
  const backOff = BACK_OFF_MS[Math.min(row.attempts, BACK_OFF_MS.length) - 1] as number
  if (now.getTime() < row.askedAt.getTime() + backOff) return 'wait'
  return row.attempts >= MAX_ATTEMPTS ? 'give-up' : 'ask'
}

/** The same Mac always has the same share of the jitter, which is small beside what remains of the identity's life. */
function jitterOf(macId: string, life: number): number {
  return (createHash('sha256').update(macId).digest().readUInt32BE() / 0x1_0000_0000) * Math.min(JITTER_MS, life / 12)
}

/** Counted before it is sent: what fails here is an attempt, too, and comes again after the back-off. `by`: the person who asks. */
export async function askForRenewal(deps: Pick<RenewalDeps, 'store' | 'clock' | 'mdm'>, row: RenewalRow, by?: Actor): Promise<void> {
  const at = deps.clock.now()
  const { enrollmentId, askedAt } = row
  // An administrator who asks after the end begins anew.
  const attempts = row.givenUpAt === null ? row.attempts + 1 : 1
  const isCounted = await deps.store.$transaction(async (tx) => {
    if (!(await recordRenewalAttempt(tx, { enrollmentId, askedAt, attempts, at }))) return false
    await appendMacEvent(tx, MacId.parse(row.macId), { type: 'identity-renewal-requested', attempt: attempts }, at)
    const event = { type: 'identity.renewal-requested', subject: row.macId, detail: { enrollment: enrollmentId } } as const
    if (by !== undefined) await appendAudit(tx, event, { actor: by, at })
    return true
  })
  if (isCounted) await deps.mdm().renewIdentity(enrollmentId)
}

async function giveUp(deps: RenewalDeps, row: RenewalRow, at: Date): Promise<void> {
  await deps.store.$transaction(async (tx) => {
    if (!(await giveRenewalUp(tx, row.enrollmentId, at))) return
    const { attempts, notAfter } = row
    await appendMacEvent(tx, MacId.parse(row.macId), { type: 'identity-renewal-given-up', attempts, until: notAfter.toISOString() }, at)
  })
  deps.log.warn({ mac: row.macId, attempts: row.attempts }, 'the renewal of an MDM identity was given up')
}

const alertOf = ({ macId, notAfter, attempts }: RenewalRow): RaisedAlert => ({
  kind: ALERT,
  subject: macId,
  severity: 'critical',
  sentence: `${attempts} attempts to renew this Mac’s MDM identity have failed. On ${notAfter.toISOString().slice(0, 10)} it expires, and the Mac can no longer be managed or trusted.`,
  remedy: 'Wake the Mac with a network connection, see on its page why the profile was refused, and renew again; or invite it anew.',
})

/** The first message under the renewed identity: the evidence of the channel is another from here on. */
export async function identityPromoted(
  deps: { store: Store; appraiser: Pick<Appraiser, 'appraise'> },
  event: Parameters<MdmEvents['onIdentityPromoted']>[0],
): Promise<void> {
  const mac = MacId.parse(event.macId)
  const certificate = hex(event.identitySha256)
  await deps.store.$transaction(async (tx) => {
    await appendMacEvent(tx, mac, { type: 'identity-renewed', certificate }, event.at)
    const detail = { enrollment: event.enrollmentId, certificate }
    await appendAudit(tx, { type: 'identity.renewed', subject: mac, detail }, { actor: `mac:${mac}`, at: event.at })
  })
  await deps.appraiser.appraise(mac)
}
