import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ago,
  policy as base,
  claims,
  DAY_MS,
  deviceChain,
  HOUR_MS,
  MAC,
  NOW,
  parts,
  securityReport,
  trustedEvidence,
} from '../../test/support/trust-evidence.ts'
import { decideTrust } from './decide-trust.ts'
import type { TrustEvidence } from './evidence.ts'
import { KEY_BINDING_LEVELS, Policy, policyFor, REQUIRABLE_PROPERTIES, type Waiver } from './policy.ts'
import { compare, compareForMac, describePolicy, lowersTrust } from './policy-change.ts'
import { duration, SETTING_NAMES } from './policy-settings.ts'

const waiver = (changes: Partial<Waiver> = {}): Waiver => ({
  id: 'wvr_00000000000000000000',
  code: 'FDE_OFF',
  scope: { kind: 'all' },
  why: 'The lab’s disks are encrypted otherwise.',
  from: ago(DAY_MS).toISOString(),
  until: new Date(NOW.getTime() + DAY_MS).toISOString(),
  ...changes,
})
const effects = (from: Partial<Policy>, to: Partial<Policy>): string[] =>
  compare({ ...base, ...from }, { ...base, ...to }).map(({ effect }) => effect)

describe('a change of policy', () => {
  test('of nothing is no change; a new number alone is none either', () => expect(effects({}, { version: 7 })).toEqual([]))

  const LOWERING: [Partial<Policy>, Partial<Policy>][] = [
    [{}, { requireFileVault: false }],
    [{}, { requireAuthenticatedRoot: false }],
    [{}, { requireApprovedEnrollment: false }],
    [{ requireAutomatedEnrollment: true }, {}],
    [{}, { allowExternalBoot: true }],
    [{}, { allowRemoteDesktop: true }],
    [{}, { allowExternalManagement: true }],
    [{}, { allowRdma: true }],
    [{ allowEvaluation: false }, { allowEvaluation: true }],
    [{}, { minimumOs: '14.1' }],
    [{ minimumKeyBinding: 'apple' }, { minimumKeyBinding: 'mdm-signed' }],
    [{}, { requiredProperties: ['sepOsVersion', 'llbVersion'] }],
    [{ maxEvidenceAgeMs: DAY_MS }, { maxEvidenceAgeMs: 2 * DAY_MS }],
    [{ maxSecurityInfoAgeMs: DAY_MS }, { maxSecurityInfoAgeMs: 2 * DAY_MS }],
    [{ mdmSilentAfterMs: DAY_MS }, { mdmSilentAfterMs: 2 * DAY_MS }],
    [{ bootGap: { mode: 'refuse' } }, { bootGap: { mode: 'grace', graceMs: 0 } }],
    [{ bootGap: { mode: 'grace', graceMs: 1 } }, { bootGap: { mode: 'grace', graceMs: 2 } }],
    [{ releases: [] }, { releases: [{ agentVersion: '0.1.0' }] }],
    [{ releases: [{ agentVersion: '0.1.0', codeHash: 'a'.repeat(64) }] }, { releases: [{ agentVersion: '0.1.0' }] }],
    [{}, { waivers: [waiver()] }],
    [{ waivers: [waiver({ until: ago(-HOUR_MS).toISOString() })] }, { waivers: [waiver()] }],
    [{ waivers: [waiver({ from: ago(0).toISOString() })] }, { waivers: [waiver()] }],
    [{ waivers: [waiver({ scope: { kind: 'pool', pool: 'lab' } })] }, { waivers: [waiver()] }],
    [{ waivers: [waiver()] }, { waivers: [waiver({ code: 'ARV_OFF' })] }],
    [{}, { pools: [{ name: 'lab', rules: { requireFileVault: false } }] }],
    [{ pools: [{ name: 'vault', rules: { minimumOs: '15.0' } }] }, {}],
  ]
  test.each(LOWERING)('%o to %o lowers trust, and the way back does not', (from, to) => {
    expect(effects(from, to)).toContain('lowers')
    if (from.waivers?.[0]?.code === to.waivers?.[0]?.code) expect(effects(to, from)).not.toContain('lowers')
  })

  test('from a waiver of one Mac to one of a pool lowers both ways: neither covers the other', () => {
    const one = { waivers: [waiver({ scope: { kind: 'mac', mac: MAC } })] }
    const pool = { waivers: [waiver({ scope: { kind: 'pool', pool: 'lab' } })] }
    expect(effects(one, pool)).toContain('lowers')
    expect(effects(pool, one)).toContain('lowers')
  })

  test('covers every setting with a lowering above, but the warning, which decides nothing', () => {
    const touched = new Set(LOWERING.flatMap(([from, to]) => [...Object.keys(from), ...Object.keys(to)]))
    expect(SETTING_NAMES.filter((name) => !touched.has(name))).toEqual(['warnEvidenceAgeMs'])
    expect(effects({}, { warnEvidenceAgeMs: DAY_MS })).toEqual(['neutral'])
  })

  test('reads as a sentence that says what it was before', () => {
    expect(compare(base, { ...base, requireFileVault: false })).toEqual([
      { effect: 'lowers', sentence: 'FileVault may be off. Before: FileVault must be on.' },
    ])
    expect(compare(base, { ...base, waivers: [waiver()] })[0]?.sentence).toContain(
      'The waiver of “FileVault is off” for every Mac until 2026-11-22T12:00Z',
    )
  })

  test('that a pool shares with everyone is said once', () => {
    expect(effects({ pools: [{ name: 'lab', rules: {} }] }, { pools: [{ name: 'lab', rules: {} }], requireFileVault: false })).toEqual([
      'lowers',
    ])
  })

  test('ended waivers raise, and an earlier end says so', () => {
    const shorter = waiver({ until: ago(-HOUR_MS).toISOString() })
    expect(effects({ waivers: [waiver()] }, {})).toEqual(['raises'])
    expect(compare({ ...base, waivers: [waiver()] }, { ...base, waivers: [shorter] })).toMatchObject([
      { effect: 'raises', sentence: expect.stringContaining('ends at 2026-11-21T13:00Z, earlier than planned') },
    ])
  })
})

describe('pools', () => {
  const pooled: Policy = { ...base, pools: [{ name: 'vault', rules: { minimumOs: '26.0', requireFileVault: undefined } }] }

  test('have their own rules where they set them, everyone’s elsewhere', () => {
    expect(policyFor(pooled, 'vault')).toMatchObject({ minimumOs: '26.0', requireFileVault: true })
    expect(decideTrust(trustedEvidence({ mac: { ...trustedEvidence().mac, pool: 'vault' } }), pooled, NOW)).toMatchObject({
      trust: 'refused',
      reasons: ['OS_TOO_OLD'],
    })
  })

  test('that the policy does not name have everyone’s rules', () => expect(policyFor(pooled, 'elsewhere')).toEqual(pooled))

  test('applied twice are as applied once', () => {
    expect(policyFor(policyFor(pooled, 'vault'), 'vault')).toEqual(policyFor(pooled, 'vault'))
  })

  test('cannot loosen what no policy may', () => {
    const rules = { maxEvidenceAgeMs: 9 * DAY_MS }
    expect(Policy.safeParse({ ...base, pools: [{ name: 'lab', rules }] }).success).toBe(false)
    expect(Policy.safeParse({ ...base, pools: [{ name: 'lab', rules: { allowEvaluation: true } }] }).success).toBe(false)
  })

  test('leaving a strict one lowers, and so does coming under its waivers', () => {
    const move = (policy: Policy, from: string | null, to: string | null) =>
      lowersTrust(compareForMac(policy, policy, { id: MAC, from, to }))
    expect(move(pooled, 'vault', null)).toBe(true)
    expect(move(pooled, null, 'vault')).toBe(false)
    const waived = { ...base, pools: [{ name: 'lab', rules: {} }], waivers: [waiver({ scope: { kind: 'pool', pool: 'lab' } })] }
    expect(move(waived, null, 'lab')).toBe(true)
    expect(move(waived, 'lab', null)).toBe(false)
  })
})

/** One in two of these Macs is trusted under the policy that all tests use. */
const VERSIONS = ['14.1', '14.2', '15.5', '26.0']
const chains = VERSIONS.map((osVersion) => [deviceChain({ osVersion }), deviceChain({ osVersion, sepOsVersion: '' })] as const)
const POOLS = [null, 'lab', 'vault', 'unknown'] as const
/** What differs from one Mac to another; kept small, so that a counterexample can be read. */
const mostly = <T>(usual: T, other: T): fc.Arbitrary<T> =>
  fc.oneof({ weight: 5, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constant(other) })
const facts = fc.record({
  os: fc.nat(VERSIONS.length - 1),
  isComplete: mostly(true, false),
  pool: fc.constantFrom(...POOLS),
  restarted: mostly(false, true),
  report: fc.record({
    fileVaultEnabled: mostly(true, false),
    remoteDesktopEnabled: mostly(false, true),
    authenticatedRootVolumeEnabled: mostly(true, false),
  }),
  reportedAt: fc.constantFrom(0.5, 2, 30, 60),
  approved: mostly(true, false),
  agentVersion: mostly('0.1.0', '0.2.0'),
  rdmaEnabled: mostly(false, true),
})
type Facts = typeof facts extends fc.Arbitrary<infer One> ? One : never

const evidenceOf = ({ os, isComplete, pool, restarted, report, reportedAt, approved, agentVersion, rdmaEnabled }: Facts): TrustEvidence =>
  trustedEvidence({
    mac: { ...trustedEvidence().mac, pool },
    device: {
      ...parts.device,
      chain: chains[os]?.[isComplete ? 0 : 1] ?? [],
      bootSession: restarted ? 'boot-0' : 'boot-1',
    } as TrustEvidence['device'],
    securityInfo: {
      ...parts.securityInfo,
      receivedAt: ago(reportedAt * HOUR_MS),
      report: { ...securityReport, ...report, management: { ...securityReport.management, userApprovedEnrollment: approved } },
    },
    session: {
      ...parts.session,
      continuousSince: ago(20 * 60_000),
      claims: { ...claims, osVersion: VERSIONS[os] ?? '', agentVersion, rdmaEnabled },
    },
  })

const values = {
  requireFileVault: [true, false],
  requireAuthenticatedRoot: [true, false],
  requireApprovedEnrollment: [true, false],
  requireAutomatedEnrollment: [true, false],
  allowExternalBoot: [true, false],
  allowRemoteDesktop: [true, false],
  allowExternalManagement: [true, false],
  allowRdma: [true, false],
  minimumOs: ['14.1', '14.2', '15.5', '26'],
  minimumKeyBinding: KEY_BINDING_LEVELS,
  requiredProperties: [[], ['llbVersion'], [...REQUIRABLE_PROPERTIES]],
  maxEvidenceAgeMs: [HOUR_MS, 3 * HOUR_MS, DAY_MS],
  maxSecurityInfoAgeMs: [HOUR_MS, DAY_MS, 3 * DAY_MS],
  mdmSilentAfterMs: [HOUR_MS, 3 * DAY_MS],
  bootGap: [{ mode: 'refuse' }, { mode: 'grace', graceMs: 60_000 }, { mode: 'grace', graceMs: HOUR_MS }],
} as const
/** A few settings at a time: with many, nobody is ever trusted. */
const rules = fc
  .array(
    fc
      .constantFrom(...Object.entries(values))
      .chain(([name, of]) => fc.constantFrom(...(of as readonly unknown[])).map((value) => ({ [name]: value }))),
    {
      maxLength: 3,
    },
  )
  .map((some): Partial<Pick<Policy, keyof typeof values>> => Object.assign({}, ...some))
const scope = fc.constantFrom(
  { kind: 'all' as const },
  { kind: 'pool' as const, pool: 'lab' },
  { kind: 'pool' as const, pool: 'unknown' },
  { kind: 'mac' as const, mac: MAC as string },
)
const waivers = fc.uniqueArray(
  fc.record({
    id: fc.constantFrom('wvr_00000000000000000001', 'wvr_00000000000000000002', 'wvr_00000000000000000003'),
    code: fc.constantFrom(
      'FDE_OFF' as const,
      'OS_TOO_OLD' as const,
      'RDMA_ENABLED' as const,
      'REMOTE_DESKTOP_ON' as const,
      'PROPERTY_UNKNOWN' as const,
    ),
    scope,
    why: fc.constant('lab'),
    from: fc.constantFrom(ago(DAY_MS), ago(-HOUR_MS)).map((at) => at.toISOString()),
    until: fc.constantFrom(ago(HOUR_MS), ago(-2 * HOUR_MS), ago(-DAY_MS)).map((at) => at.toISOString()),
  }),
  { maxLength: 3, selector: ({ id }) => id },
)
const policies: fc.Arbitrary<Policy> = fc
  .record({
    own: rules,
    lab: fc.option(rules),
    vault: fc.option(rules),
    waivers,
    releases: fc.subarray(['0.1.0', '0.2.0'], { minLength: 1 }),
  })
  .map(({ own, lab, vault, waivers, releases }) => ({
    ...base,
    ...own,
    waivers,
    releases: releases.map((agentVersion) => ({ agentVersion })),
    pools: [...(lab === null ? [] : [{ name: 'lab', rules: lab }]), ...(vault === null ? [] : [{ name: 'vault', rules: vault }])],
  }))
/** Half of them near to one another, so that often nothing lowers. */
const pairs = fc.oneof(
  fc.tuple(policies, policies),
  fc.tuple(policies, rules).map(([from, change]): [Policy, Policy] => [from, { ...from, ...change }]),
)

describe('the law of change', () => {
  test('whoever is let in by a change was let in by one that says it lowers trust', () => {
    let letIn = 0
    fc.assert(
      fc.property(facts, pairs, (known, [from, to]) => {
        const one = evidenceOf(known)
        if (decideTrust(one, from, NOW).trust === 'trusted' || decideTrust(one, to, NOW).trust === 'refused') return
        letIn += 1
        expect(lowersTrust(compare(from, to))).toBe(true)
      }),
      { numRuns: 800 },
    )
    expect(letIn).toBeGreaterThan(10)
  }, 60_000)

  test('whoever is let in by a change of policy and pool at once, too', () => {
    let letIn = 0
    fc.assert(
      fc.property(facts, pairs, fc.constantFrom(...POOLS), (known, [from, to], pool) => {
        const one = evidenceOf(known)
        const moved = { ...one, mac: { ...one.mac, pool } }
        if (decideTrust(one, from, NOW).trust === 'trusted' || decideTrust(moved, to, NOW).trust === 'refused') return
        letIn += 1
        const changes = [...compare(from, to), ...compareForMac(from, to, { id: one.mac.id, from: one.mac.pool, to: pool })]
        expect(lowersTrust(changes)).toBe(true)
      }),
      { numRuns: 500 },
    )
    expect(letIn).toBeGreaterThan(5)
  }, 60_000)
})

test('a policy reads as sentences, every setting among them', () => {
  const sections = describePolicy({ ...base, pools: [{ name: 'vault', rules: { minimumOs: '26.0' } }] })
  expect(
    sections.flatMap(({ sentences }) => sentences).every((sentence) => /^[A-Z].*\.$/.test(sentence) || /^macOS .*\.$/.test(sentence)),
  ).toBe(true)
  expect(sections.flatMap(({ sentences }) => sentences).length).toBe(SETTING_NAMES.length + 2)
  expect(sections.at(-1)).toEqual({ title: 'Pool “vault”', sentences: ['macOS 26.0 or later is required.'] })
})

test('says a duration exactly', () => {
  expect([8 * DAY_MS, 36 * HOUR_MS, 90_000, 60_000, 1].map(duration)).toEqual([
    '8 days',
    '36 hours',
    '90 seconds',
    '1 minute',
    '1 millisecond',
  ])
})
