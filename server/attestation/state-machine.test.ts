import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mayBeTrusted } from '../../test/support/trust-oracle.ts'
import { evidenceOf, happen, newWorld, type PlainEvent, policyOf, type TrustEvent, timeOf } from '../../test/support/trust-world.ts'
import { decideTrust } from './decide-trust.ts'

const path = fc.constantFrom('device_information' as const, 'acme_reattestation' as const)
const plain = (...names: PlainEvent[]) => fc.constantFrom(...names).map((name): TrustEvent => ({ do: name }))

/** The ordinary life of a Mac comes often, so that many sequences lead to trust; what ends it comes seldom, so that it ends in every way. */
const event: fc.Arbitrary<TrustEvent> = fc.oneof(
  { weight: 6, arbitrary: plain('connect', 'bind', 'report', 'disconnect', 'miss') },
  { weight: 3, arbitrary: fc.constant<TrustEvent>({ do: 'ask' }) },
  { weight: 4, arbitrary: path.map((by): TrustEvent => ({ do: 'attest', by })) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(path, fc.constantFrom('crossed' as const, 'stranger' as const, 'other-mac' as const))
      .map(([by, fault]): TrustEvent => ({ do: 'attest', by, fault })),
  },
  { weight: 4, arbitrary: fc.constantFrom(1, 5, 20, 60, 600).map((minutes): TrustEvent => ({ do: 'stay', minutes })) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(1, 2, 8, 29, 30, 31, 1440, 5 * 1440, 8 * 1440).map((minutes): TrustEvent => ({ do: 'silence', minutes })),
  },
  { weight: 2, arbitrary: fc.constantFrom(true, true, false).map((sip): TrustEvent => ({ do: 'restart', sip })) },
  { weight: 1, arbitrary: plain('enroll', 'enroll-untidily', 'check-out', 'revoke', 'quarantine', 'release', 'change-key', 'displace') },
  { weight: 1, arbitrary: fc.boolean().map((on): TrustEvent => ({ do: 'file-vault', on })) },
  { weight: 1, arbitrary: fc.constantFrom(10, 100, 10_000).map((minutes): TrustEvent => ({ do: 'waive', minutes })) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(null, 0, 30, 120), fc.constantFrom(60, 1440, 8 * 1440))
      .map(([graceMinutes, maxAgeMinutes]): TrustEvent => ({ do: 'policy', graceMinutes, maxAgeMinutes })),
  },
  { weight: 1, arbitrary: fc.constantFrom(-600, -20, -1, 3, 20, 600).map((minutes): TrustEvent => ({ do: 'clock', minutes })) },
)

/** Most sequences begin with a Mac that has come all the way to trust, some with one that has then enrolled anew. */
const wayToTrust: TrustEvent[] = [
  { do: 'enroll' },
  { do: 'report' },
  { do: 'connect' },
  { do: 'bind' },
  { do: 'ask' },
  { do: 'attest', by: 'device_information' },
]
const withNewKey: TrustEvent[] = [...wayToTrust, { do: 'change-key' }, { do: 'connect' }, { do: 'bind' }]
const enrolledAnew: TrustEvent[] = [...wayToTrust, { do: 'enroll-untidily' }, { do: 'connect' }, { do: 'report' }]
const sequences = fc
  .tuple(fc.constantFrom([], wayToTrust, wayToTrust, wayToTrust, enrolledAnew, withNewKey), fc.array(event, { maxLength: 25 }))
  .map(([start, rest]) => [...start, ...rest])

test('the way to trust leads there, and not one step sooner', () => {
  const world = newWorld()
  const verdicts = wayToTrust.map((step) => {
    happen(world, step)
    return decideTrust(evidenceOf(world), policyOf(world), timeOf(world)).trust
  })
  expect(verdicts).toEqual(['refused', 'refused', 'refused', 'refused', 'refused', 'trusted'])
})

test('after any sequence of events a Mac is trusted when, and only when, the oracle finds live, young, unrevoked, bound evidence', () => {
  const seen = { trusted: 0, refused: 0, inGrace: 0, regained: 0 }
  const reasons = new Set<string>()
  fc.assert(
    fc.property(sequences, (events) => {
      const world = newWorld()
      let wasLost = false
      for (const step of events) {
        happen(world, step)
        const decision = decideTrust(evidenceOf(world), policyOf(world), timeOf(world))
        if ((decision.trust === 'trusted') !== mayBeTrusted(world)) {
          throw new Error(
            `after ${step.do}: ${decision.trust}, ${decision.trust === 'refused' ? decision.reasons.join() : ''}; the oracle disagrees`,
          )
        }
        seen[decision.trust] += 1
        if (decision.trust === 'refused') for (const reason of decision.reasons) reasons.add(reason)
        else {
          if (decision.bootGrace !== null) seen.inGrace += 1
          if (wasLost) seen.regained += 1
          expect(decision.until.getTime()).toBeGreaterThan(timeOf(world).getTime())
        }
        wasLost = decision.trust === 'refused'
      }
    }),
    { numRuns: Number(process.env.ESPALIER_STATE_MACHINE_RUNS ?? 2000) },
  )
  // Not vacuous: trust came, went, came back and ran in its grace, and was refused in most of the ways that there are.
  expect(seen.trusted).toBeGreaterThan(2000)
  expect(seen.inGrace).toBeGreaterThan(100)
  expect(seen.regained).toBeGreaterThan(200)
  expect([...reasons].sort()).toEqual(
    expect.arrayContaining([
      'AGENT_KEY_UNBOUND',
      'ATTESTATION_STALE',
      'BOOT_SESSION_CHANGED',
      'BOOT_UNPROVEN',
      'CHAIN_NOT_YET_VALID',
      'CHAIN_UNTRUSTED',
      'CHALLENGE_MISSED',
      'CLOCK_SKEW',
      'FDE_OFF',
      'FRESHNESS_UNKNOWN',
      'MAC_QUARANTINED',
      'MAC_REVOKED',
      'NOT_ENROLLED',
      'NO_ATTESTATION',
      'NO_SESSION',
      'SECURITYINFO_MISSING',
      'SECURITYINFO_STALE',
      'SERIAL_MISMATCH',
      'SIP_CONFLICT',
      'SIP_DISABLED',
      'STALE_KEY_BINDING',
    ]),
  )
}, 180_000)
