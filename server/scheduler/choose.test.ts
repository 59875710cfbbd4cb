import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type MacId, newId } from '#protocol/ids'
import { chooseMac, explainChoice, type Query, SCORE_ALL_LIMIT, servedModels, WHY_NOT, whyNot } from './choose.ts'
import type { MacView } from './snapshot.ts'

const NOW = Date.UTC(2026, 10, 21)
const query: Query = { model: 'm', exclude: new Set(), now: NOW }

function view(changes: Partial<MacView> = {}): MacView {
  const mac = changes.mac ?? newId<MacId>('mac')
  const config = {
    v: 1 as const,
    suite: 'x25519-hkdf-sha256-aes256gcm' as const,
    publicKey: '',
    notBefore: NOW - 1000,
    notAfter: NOW + 3600_000,
    mac,
    evidenceDigest: 'e'.repeat(64),
    build: 'b',
  }
  return {
    mac,
    trust: 'trusted',
    reasons: [],
    isLive: true,
    isDraining: false,
    available: true,
    slots: 4,
    active: 0,
    models: [{ name: 'm', state: 'ready' }],
    keyConfig: { config, digest: `digest of ${mac}`, publicKey: new Uint8Array(32) },
    evidenceDigest: 'e'.repeat(64),
    ...changes,
  }
}

function withLife(notBefore: number, notAfter: number): MacView {
  const mac = view()
  if (mac.keyConfig === undefined) throw new TypeError()
  return { ...mac, keyConfig: { ...mac.keyConfig, config: { ...mac.keyConfig.config, notBefore, notAfter } } }
}

describe('the filters', () => {
  const tried = view()
  test.each([
    ['not_trusted', view({ trust: 'refused', reasons: ['SIP_DISABLED'] }), {}],
    ['not_trusted', view({ trust: 'unknown' }), {}],
    ['not_live', view({ isLive: false }), {}],
    ['draining', view({ isDraining: true }), {}],
    ['unavailable', view({ available: false }), {}],
    ['model_not_loaded', view({ models: [] }), {}],
    ['model_not_loaded', view({ models: [{ name: 'm', state: 'loading' }] }), {}],
    ['no_key_config', view({ keyConfig: undefined }), {}],
    ['key_config_expired', withLife(NOW - 2000, NOW - 1000), {}],
    ['key_config_expired', withLife(NOW + 1000, NOW + 9_000_000), {}],
    ['already_tried', tried, { exclude: new Set([tried.mac]) }],
    ['already_tried', tried, { exclude: new Set([tried.keyConfig?.digest ?? '']) }],
    ['busy', view({ active: 4 }), {}],
    ['busy', view({ slots: 0 }), {}],
    ['busy', tried, { reserved: new Map([[tried.mac, 4]]) }],
  ] as const)('%s alone keeps a Mac from being chosen', (reason, mac, changes) => {
    expect(whyNot(view(), query)).toBeUndefined()
    const choice = chooseMac({ macs: [mac] }, { ...query, ...changes }, Math.random)
    expect(choice).toEqual({ none: { ...Object.fromEntries(WHY_NOT.map((name) => [name, 0])), [reason]: 1 } })
    expect(explainChoice({ macs: [mac] }, { ...query, ...changes })).toEqual([{ mac: mac.mac, why: reason }])
  })
})

const anyMac = fc
  .record({
    trust: fc.constantFrom('trusted' as const, 'refused' as const),
    isLive: fc.boolean(),
    isDraining: fc.boolean(),
    available: fc.boolean(),
    slots: fc.integer({ min: 0, max: 8 }),
    active: fc.integer({ min: 0, max: 8 }),
  })
  .map((changes) => view(changes))

describe('for any fleet', () => {
  test('a chosen Mac passes every filter, and none is chosen only if none passes', () => {
    fc.assert(
      fc.property(fc.array(anyMac, { maxLength: 200 }), fc.infiniteStream(fc.double({ min: 0, max: 0.999 })), (macs, randoms) => {
        const choice = chooseMac({ macs }, query, () => randoms.next().value)
        const passing = macs.filter((mac) => whyNot(mac, query) === undefined)
        if ('mac' in choice) expect(whyNot(choice.mac, query)).toBeUndefined()
        else expect(Object.values(choice.none).reduce((sum, count) => sum + count)).toBe(macs.length)
        expect('mac' in choice).toBe(passing.length > 0)
      }),
    )
  })

  test('up to 64 candidates, nobody is less loaded than the chosen one', () => {
    fc.assert(
      fc.property(fc.array(anyMac, { maxLength: SCORE_ALL_LIMIT }), (macs) => {
        const choice = chooseMac({ macs }, query, Math.random)
        if (!('mac' in choice)) return
        const loads = macs.filter((mac) => whyNot(mac, query) === undefined).map((mac) => mac.active / mac.slots)
        expect(choice.mac.active / choice.mac.slots).toBe(Math.min(...loads))
      }),
    )
  })
})

test('equally loaded Macs are chosen equally often', () => {
  const macs = [view(), view(), view()]
  const counts = new Map<string, number>()
  for (let i = 0; i < 3000; i++) {
    const choice = chooseMac({ macs }, query, Math.random)
    if ('mac' in choice) counts.set(choice.mac.mac, (counts.get(choice.mac.mac) ?? 0) + 1)
  }
  for (const mac of macs) expect(counts.get(mac.mac)).toBeGreaterThan(850)
})

test('a thousand requests spread evenly over a thousand Macs without scoring them all', () => {
  const macs = Array.from({ length: 1000 }, () => view({ slots: 8 }))
  const reserved = new Map<MacId, number>()
  for (let i = 0; i < 1000; i++) {
    const choice = chooseMac({ macs }, { ...query, reserved }, Math.random)
    if ('mac' in choice) reserved.set(choice.mac.mac, (reserved.get(choice.mac.mac) ?? 0) + 1)
  }
  expect(Math.max(...reserved.values())).toBeLessThanOrEqual(3)
})

test('models are served while a trusted Mac has them ready, busy or not', () => {
  const ready = (name: string) => [{ name, state: 'ready' as const }]
  const macs = [
    view({ models: ready('b'), active: 4 }),
    view({ models: [...ready('a'), { name: 'loading', state: 'loading' }] }),
    view({ models: ready('distrusted'), trust: 'refused' }),
  ]
  expect(servedModels({ macs }, NOW)).toEqual(['a', 'b'])
})
