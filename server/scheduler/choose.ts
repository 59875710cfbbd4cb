import type { MacId } from '#protocol/ids'
import type { FleetSnapshot, MacView } from './snapshot.ts'

/** Why a Mac is not chosen for one request, in the order in which the filters are asked: the first that fails names it. */
export const WHY_NOT = [
  'not_trusted',
  'not_live',
  'draining',
  'unavailable',
  'model_not_loaded',
  'no_key_config',
  'key_config_expired',
  'already_tried',
  'busy',
] as const
export type WhyNot = (typeof WHY_NOT)[number]

export type Query = {
  model: string
  /** Macs, and digests of key configurations, that this request was already sent to in vain. */
  exclude: ReadonlySet<string>
  now: number
  /** Slots promised to requests that are still being sealed; they count as taken. */
  reserved?: ReadonlyMap<MacId, number>
}

export type RoutableMac = MacView & { keyConfig: NonNullable<MacView['keyConfig']> }

export type Choice = { mac: RoutableMac } | { none: Record<WhyNot, number> }

/** Up to this many candidates are all scored; above, a few drawn at random come within a hair of the best (power of d choices). */
export const SCORE_ALL_LIMIT = 64
const DRAWN = 4

/** A key configuration that ends while its request travels would be refused by the Mac. */
const KEY_CONFIG_MARGIN_MS = 5_000

/** Chooses the Mac with the fewest requests per slot, ties at random; otherwise counts the reasons. `random` draws from [0, 1). */
export function chooseMac(snapshot: FleetSnapshot, query: Query, random: () => number): Choice {
  const none = Object.fromEntries(WHY_NOT.map((reason) => [reason, 0])) as Record<WhyNot, number>
  const candidates: RoutableMac[] = []
  for (const mac of snapshot.macs) {
    const reason = whyNot(mac, query)
    if (reason === undefined) candidates.push(mac as RoutableMac)
    else none[reason]++
  }
  const best = leastLoaded(draw(candidates, random), query, random)
  return best === undefined ? { none } : { mac: best }
}

/** The reason for every Mac, for whoever asks "why is this Mac not chosen?"; undefined: it can be. */
export function explainChoice(snapshot: FleetSnapshot, query: Query): { mac: MacId; why: WhyNot | undefined }[] {
  return snapshot.macs.map((mac) => ({ mac: mac.mac, why: whyNot(mac, query) }))
}

export function whyNot(mac: MacView, query: Query): WhyNot | undefined {
  if (mac.trust !== 'trusted') return 'not_trusted'
  if (!mac.isLive) return 'not_live'
  if (mac.isDraining) return 'draining'
  if (!mac.available) return 'unavailable'
  if (!hasModelReady(mac, query.model)) return 'model_not_loaded'
  if (mac.keyConfig === undefined) return 'no_key_config'
  if (!isInForce(mac.keyConfig, query.now)) return 'key_config_expired'
  if (query.exclude.has(mac.mac) || query.exclude.has(mac.keyConfig.digest)) return 'already_tried'
  return taken(mac, query) < mac.slots ? undefined : 'busy'
}

/** The models that requests can be sent for now, sorted by name: every filter but those of one request and of the moment's load. */
export function servedModels(snapshot: FleetSnapshot, now: number): string[] {
  const names = new Set<string>()
  for (const mac of snapshot.macs) {
    for (const { name } of mac.models) {
      const reason = whyNot(mac, { model: name, exclude: new Set(), now })
      if (reason === undefined || reason === 'busy') names.add(name)
    }
  }
  return [...names].sort()
}

function hasModelReady(mac: MacView, model: string): boolean {
  return mac.models.some(({ name, state }) => name === model && state === 'ready')
}

function isInForce({ config }: RoutableMac['keyConfig'], now: number): boolean {
  return config.notBefore <= now && now + KEY_CONFIG_MARGIN_MS < config.notAfter
}

const taken = (mac: MacView, query: Query): number => mac.active + (query.reserved?.get(mac.mac) ?? 0)

function draw(candidates: RoutableMac[], random: () => number): RoutableMac[] {
  if (candidates.length <= SCORE_ALL_LIMIT) return candidates
  return Array.from({ length: DRAWN }, () => candidates[Math.floor(random() * candidates.length)] as RoutableMac)
}

function leastLoaded(candidates: readonly RoutableMac[], query: Query, random: () => number): RoutableMac | undefined {
  let best: RoutableMac | undefined
  let lowest = Number.POSITIVE_INFINITY
  let ties = 0
  for (const mac of candidates) {
    const load = taken(mac, query) / mac.slots
    if (load > lowest) continue
    ties = load < lowest ? 1 : ties + 1
    if (ties === 1 || random() * ties < 1) best = mac // reservoir of one: every tie is equally likely
    lowest = load
  }
  return best
}
