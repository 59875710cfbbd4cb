import type { RaisedAlert } from '../alerts/alerts.ts'
import type { Watcher } from '../alerts/watch.ts'
import type { Clock } from '../clock.ts'
import type { Store } from '../store/client.ts'
import { countEnrolledUnderOtherTopic } from '../store/enrollment-lookup.ts'
import { countRefused, countUnreachable } from '../store/push-wishes.ts'
import type { InstalledPushCertificate } from './installed-certificate.ts'
import type { PushWeather } from './wake-queue.ts'

const DAY_MS = 24 * 3600_000
const SUBJECT = 'key:push'
/** Apple's service has short bad moments, and so has any line. */
const UNREACHABLE_AFTER_MS = 5 * 60_000

/** From the last to the first: days before the end, and how loudly they are said. Apple's push certificates live a year. */
const STAGES = [
  { days: 1, severity: 'critical', stage: 5 },
  { days: 7, severity: 'critical', stage: 4 },
  { days: 14, severity: 'warning', stage: 3 },
  { days: 30, severity: 'warning', stage: 2 },
  { days: 60, severity: 'info', stage: 1 },
] as const satisfies readonly { days: number; severity: RaisedAlert['severity']; stage: number }[]

const RENEW =
  'Renew it at identity.apple.com with the Apple account that it was made with, and import it under Set-up, Push certificate. Another account means another topic, and every Mac would have to enroll again.'

/** Pure: what the certificate's last day means today. */
export function expiryAlert(notAfter: Date, now: Date): RaisedAlert | undefined {
  const kind = 'push-certificate-expiry'
  const left = notAfter.getTime() - now.getTime()
  const day = notAfter.toISOString().slice(0, 10)
  if (left <= 0) {
    const sentence = `Apple’s push certificate expired on ${day} (PUSH_CERT_EXPIRED): no Mac can be woken or invited.`
    return { kind, subject: SUBJECT, severity: 'critical', stage: 6, sentence, remedy: RENEW }
  }
  const reached = STAGES.find(({ days }) => left <= days * DAY_MS)
  if (reached === undefined) return undefined
  const { days, severity, stage } = reached
  const sentence = `Apple’s push certificate expires on ${day}, in less than ${days === 1 ? 'a day' : `${days} days`}.`
  return { kind, subject: SUBJECT, severity, stage, sentence, remedy: RENEW }
}

/** The certificate that production pushes with. Evaluation mode has the software Apple's. */
export function certificateWatchers(deps: {
  store: Store
  clock: Clock
  current(): Promise<InstalledPushCertificate | undefined>
}): Watcher[] {
  const { store, clock, current } = deps
  return [
    {
      kind: 'push-certificate-expiry',
      look: async () => {
        const installed = await current()
        const alert = installed && expiryAlert(installed.notAfter, clock.now())
        return alert === undefined ? [] : [alert]
      },
    },
    {
      kind: 'push-certificate-missing',
      look: async () => ((await current()) === undefined ? [MISSING] : []),
    },
    {
      kind: 'push-topic-changed',
      look: async () => {
        const installed = await current()
        const lost = installed === undefined ? 0 : await countEnrolledUnderOtherTopic(store, installed.topic)
        return lost === 0 ? [] : [lostToTopic(lost)]
      },
    },
  ]
}

const MISSING: RaisedAlert = {
  kind: 'push-certificate-missing',
  subject: SUBJECT,
  severity: 'warning',
  sentence: 'No push certificate of Apple is installed: no Mac can be invited.',
  remedy: 'Make one under Set-up, Push certificate.',
}

const lostToTopic = (macs: number): RaisedAlert => ({
  kind: 'push-topic-changed',
  subject: SUBJECT,
  severity: 'critical',
  sentence: `${macs === 1 ? '1 Mac answers' : `${macs} Macs answer`} to the topic of an earlier push certificate, and cannot be woken.`,
  remedy: 'Import a certificate with the earlier topic again, or enroll those Macs anew.',
})

/** How Apple's push service answers, in either mode. */
export function pushWatchers(deps: { store: Store; clock: Clock; weather(): PushWeather }): Watcher[] {
  const { store, clock, weather } = deps
  return [
    { kind: 'push-refused', look: async () => refusedAlert(weather()) },
    { kind: 'push-unreachable', look: async () => unreachableAlert(weather(), clock.now()) },
    {
      kind: 'push-token-refused',
      look: async () => (await countRefused(store)).map(({ fault, macs }) => tokenRefused(fault, macs)),
    },
    {
      kind: 'macs-unreachable',
      look: async () => {
        const macs = await countUnreachable(store)
        return macs === 0 ? [] : [unregistered(macs)]
      },
    },
  ]
}

function refusedAlert(weather: PushWeather): RaisedAlert[] {
  if (weather.state !== 'refused') return []
  return [
    {
      kind: 'push-refused',
      subject: SUBJECT,
      severity: 'critical',
      sentence: `Apple’s push service takes no pushes from this appliance: ${weather.reason.slice(0, 200)}.`,
      remedy:
        'Look at the push certificate under Set-up: it may be revoked, expired, or of another topic. Wishes to wake Macs are kept until then.',
    },
  ]
}

function unreachableAlert(weather: PushWeather, now: Date): RaisedAlert[] {
  if (weather.state !== 'unreachable' || now.getTime() - weather.since.getTime() < UNREACHABLE_AFTER_MS) return []
  return [
    {
      kind: 'push-unreachable',
      subject: SUBJECT,
      severity: 'warning',
      sentence: `Apple’s push service has taken no pushes since ${weather.since.toISOString().slice(0, 16).replace('T', ' ')} UTC.`,
      remedy: `Let this machine reach api.push.apple.com on port 443 without a proxy that opens TLS. The last answer was: ${weather.reason.slice(0, 200)}.`,
    },
  ]
}

const tokenRefused = (fault: string, macs: number): RaisedAlert => ({
  kind: 'push-token-refused',
  subject: fault.slice(0, 64),
  severity: 'warning',
  sentence: `Apple refuses pushes to ${macs === 1 ? '1 Mac' : `${macs} Macs`}: ${fault.slice(0, 64)}.`,
  remedy: 'Their tokens belong to another push certificate. Import that one again, or enroll those Macs anew.',
})

const unregistered = (macs: number): RaisedAlert => ({
  kind: 'macs-unreachable',
  subject: 'installation',
  severity: 'info',
  sentence: `${macs === 1 ? '1 enrolled Mac has' : `${macs} enrolled Macs have`} no push token that Apple knows, and cannot be woken.`,
  remedy:
    'Such a Mac was erased, or its profile was removed offline. It is reachable again as soon as it speaks; otherwise enroll it anew.',
})
