import { z } from 'zod'
import { MacId } from '#protocol/ids'
import type { MacEvent } from '../../fleet/events.ts'
import type { TimelineEvent } from '../../fleet/views.ts'
import { explainReasons, isOnlyAbsence, refusalWord } from './explain-trust.ts'

export const EventView = z.object({
  id: z.string(),
  at: z.date(),
  mac: z.object({ id: MacId, name: z.string().nullable() }),
  type: z.string(),
  tone: z.enum(['good', 'bad', 'neutral']),
  sentence: z.string(),
  /** Digest of the evidence that came with it. */
  evidence: z.string().nullable(),
})
export type EventView = z.infer<typeof EventView>

type Described = { tone: EventView['tone']; sentence: string }

/** A stored event as a sentence. An event of a later version is shown by its type. */
export function describeEvent(event: TimelineEvent): EventView {
  const evidence = typeof event.detail.evidence === 'string' ? event.detail.evidence : null
  return { id: event.id, at: event.at, mac: event.mac, type: event.type, evidence, ...describe(event.type, event.detail) }
}

const good = (sentence: string): Described => ({ tone: 'good', sentence })
const bad = (sentence: string): Described => ({ tone: 'bad', sentence })
const neutral = (sentence: string): Described => ({ tone: 'neutral', sentence })

function describe(type: string, detail: Record<string, unknown>): Described {
  return Object.hasOwn(SENTENCES, type) ? SENTENCES[type as MacEvent['type']](detail) : neutral(type)
}

const SENTENCES: Record<MacEvent['type'], (detail: Record<string, unknown>) => Described> = {
  invited: () => neutral('Invited to enroll'),
  'profile-issued': () => neutral('Enrollment profile handed out'),
  'acme-attested': () => good('MDM identity attested (ACME)'),
  'acme-refused': (detail) => bad(`MDM identity refused: ${reasons(detail.reasons)}`),
  authenticated: () => neutral('Checked in to MDM'),
  enrolled: () => good('Enrolled in MDM'),
  unenrolled: () => bad('Left MDM: the profile was removed'),
  'ticket-delivered': () => neutral('Ticket delivered over MDM'),
  'key-bound': () => good('Agent’s key proved with the ticket'),
  'attestation-requested': () => neutral('Attestation requested'),
  'attestation-received': () => good('Attestation received'),
  'reply-incomplete': (detail) => bad(`Incomplete reply to ${words(detail.requestType)}: ${words(detail.fault)}`),
  'security-info-received': () => neutral('Security report received'),
  'command-failed': (detail) => bad(`${words(detail.requestType)} failed: ${words(detail.error)}`),
  'agent-connected': () => neutral('Agent connected'),
  'agent-disconnected': (detail) => neutral(`Agent disconnected: ${words(detail.reason)}`),
  verdict: (detail) => (detail.trust === 'trusted' ? good('Became trusted') : refusal(codesOf(detail.reasons))),
  quarantined: (detail) => bad(`Quarantined: ${reasons([detail.reason])}`),
  revoked: () => bad('Revoked'),
}

const words = (value: unknown): string => (typeof value === 'string' && value !== '' ? value : 'no reason given')

const codesOf = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : [])

const refusal = (codes: string[]): Described => (isOnlyAbsence(codes) ? neutral : bad)(`${refusalWord(codes)}: ${reasons(codes)}`)

/** The first reason in words, and how many more there are. */
function reasons(codes: unknown): string {
  const [first, ...others] = explainReasons(codesOf(codes))
  if (first === undefined) return 'no reason given'
  if (others.length === 0) return first.sentence
  return `${first.sentence} And ${others.length} more ${others.length === 1 ? 'reason' : 'reasons'}.`
}
