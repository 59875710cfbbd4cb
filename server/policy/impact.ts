import { z } from 'zod'
import { MacId } from '#protocol/ids'
import type { TrustDecision } from '../attestation/decide-trust.ts'
import { explainReasons } from '../fleet/explain-reasons.ts'

/** What another policy would do to the fleet as it is. */

const Listed = z.object({ mac: MacId, name: z.string().nullable(), reasons: z.array(z.string()) })
export const Impact = z.object({
  /** Macs that were judged: those that are enrolled. */
  judged: z.number().int(),
  /** Trusted, or asleep with nothing else against them. */
  before: z.number().int(),
  after: z.number().int(),
  loses: z.number().int(),
  /** Of those that lose: asleep now, so that it shows when they wake. */
  losesAsleep: z.number().int(),
  gains: z.number().int(),
  /** Why, by reason; a Mac may lose for several. */
  because: z.array(z.object({ code: z.string(), sentence: z.string(), macs: z.number().int() })),
  losing: z.array(Listed),
  gaining: z.array(Listed),
  sentence: z.string(),
})
export type Impact = z.infer<typeof Impact>

/** Named one by one up to here; the counts are complete. */
const MAX_LISTED = 200

export type ImpactTally = {
  add(mac: { id: MacId; name: string | null }, before: TrustDecision, after: TrustDecision): void
  result(): Impact
}

/** Counts decision by decision, in bounded memory whatever the size of the fleet. */
export function createTally(): ImpactTally {
  const reasons = new Map<string, number>()
  const losing: Impact['losing'] = []
  const gaining: Impact['gaining'] = []
  const counts = { judged: 0, before: 0, after: 0, loses: 0, losesAsleep: 0, gains: 0 }
  return {
    add({ id: mac, name }, before, after) {
      const [wasIn, isIn] = [isGood(before), isGood(after)]
      counts.judged += 1
      counts.before += wasIn ? 1 : 0
      counts.after += isIn ? 1 : 0
      if (wasIn && !isIn && after.trust === 'refused') {
        counts.loses += 1
        counts.losesAsleep += before.trust === 'refused' ? 1 : 0
        const news = after.reasons.filter((code) => before.trust === 'trusted' || !before.reasons.includes(code))
        for (const code of news) reasons.set(code, (reasons.get(code) ?? 0) + 1)
        if (losing.length < MAX_LISTED) losing.push({ mac, name, reasons: news })
      }
      if (!wasIn && isIn) {
        counts.gains += 1
        if (gaining.length < MAX_LISTED) gaining.push({ mac, name, reasons: before.trust === 'refused' ? [...before.reasons] : [] })
      }
    },
    result() {
      const because = explainReasons([...reasons.keys()])
        .map(({ code, sentence }) => ({ code, sentence, macs: reasons.get(code) ?? 0 }))
        .toSorted((a, b) => b.macs - a.macs)
      const impact = { ...counts, because, losing, gaining }
      return { ...impact, sentence: sayImpact(impact) }
    },
  }
}

/** A Mac that merely sleeps is in as good a standing as it will be when it wakes. */
const isGood = (decision: TrustDecision): boolean => decision.trust === 'trusted' || decision.isOffline

function sayImpact({ judged, loses, losesAsleep, gains, because }: Omit<Impact, 'sentence'>): string {
  const of = judged === 1 ? '1 Mac' : `${judged} Macs`
  if (judged === 0) return 'No Mac is enrolled yet, so none is touched.'
  if (loses === 0 && gains === 0) return `None of ${of} would gain or lose trust.`
  const why = because.map(({ sentence, macs }) => `${sentence.replace(/\.$/, '')} (${macs})`).join('; ')
  const asleep = losesAsleep === 0 ? '' : `, ${losesAsleep} of them asleep now`
  const lost = loses === 0 ? 'No Mac would lose trust.' : `${loses} of ${of} would lose trust${asleep}, because: ${why}.`
  return gains === 0 ? lost : `${lost} ${gains === 1 ? '1 Mac' : `${gains} Macs`} would gain trust.`
}
