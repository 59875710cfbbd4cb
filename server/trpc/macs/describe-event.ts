import { z } from 'zod'
import { MacId } from '#protocol/ids'
import type { MacEvent } from '../../fleet/events.ts'
import { timelineSentence } from '../../fleet/timeline-sentence.ts'
import type { TimelineEvent } from '../../fleet/views.ts'

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

/** A stored event as the console shows it. */
export function describeEvent({ id, at, mac, type, detail }: TimelineEvent): EventView {
  const evidence = typeof detail.evidence === 'string' ? detail.evidence : null
  return { id, at, mac, type, evidence, ...timelineSentence({ ...detail, type } as MacEvent, at) }
}
