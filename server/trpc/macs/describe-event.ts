import { z } from 'zod'
import { MacId } from '#protocol/ids'
import type { TimelineEvent } from '../ports.ts'

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
  const sentence = SENTENCES[type]
  return sentence === undefined ? neutral(type) : sentence(detail)
}

const SENTENCES: Record<string, (detail: Record<string, unknown>) => Described> = {
  invited: () => neutral('Invited to enroll'),
  'profile-issued': () => neutral('Enrollment profile handed out'),
  'acme-attested': () => good('MDM identity attested by Apple (ACME)'),
  'acme-refused': (detail) => bad(`MDM identity refused: ${words(detail.reasons)}`),
  authenticated: () => neutral('MDM authenticated'),
  enrolled: () => good('Enrolled in MDM'),
  unenrolled: () => bad('Left MDM: the profile was removed'),
  'ticket-delivered': () => neutral('Ticket delivered over MDM'),
  'key-bound': () => good('Agent key proved with the ticket'),
  'attestation-requested': () => neutral('Attestation requested'),
  'attestation-received': () => good('Attestation received'),
  'attestation-missing': (detail) => bad(`No attestation in the reply: ${words(detail.reason)}`),
  'security-info-received': () => neutral('Security report received'),
  'command-failed': (detail) => bad(`${words(detail.requestType)} failed: ${words(detail.error)}`),
  'agent-connected': () => neutral('Agent connected'),
  'agent-disconnected': (detail) => neutral(`Agent disconnected: ${words(detail.reason)}`),
  verdict: (detail) => (detail.trust === 'trusted' ? good('Became trusted') : bad(`Refused: ${words(detail.reasons)}`)),
  quarantined: (detail) => bad(`Quarantined: ${words(detail.reason)}`),
  revoked: () => bad('Revoked'),
}

function words(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'no reason given' : value.map(String).join(', ')
  return typeof value === 'string' && value !== '' ? value : 'no reason given'
}
