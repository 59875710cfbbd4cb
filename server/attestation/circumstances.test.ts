import { describe, expect, test } from 'vitest'
import { MacId } from '#protocol/ids'
import { attestationNonce, attestationToken } from '#protocol/statements'
import {
  acmeChain,
  ago,
  claims,
  DAY_MS,
  deviceChain,
  HOUR_MS,
  NOW,
  parts,
  policy,
  preimage,
  SERIAL,
  securityReport,
  sha256,
  trustedEvidence,
} from '../../test/support/trust-evidence.ts'
import { parseCertificate } from './certificate.ts'
import { decideTrust } from './decide-trust.ts'
import { NOTHING_REVOKED, type Revoked, type TrustEvidence } from './evidence.ts'
import { acmeFreshness } from './nonce.ts'
import { Policy } from './policy.ts'

const { enrollment, channel, device, securityInfo, session } = parts
const decide = (overrides: Partial<TrustEvidence> = {}, change: Partial<Policy> = {}, now = NOW) =>
  decideTrust(trustedEvidence(overrides), { ...policy, ...change }, now)
const reasons = (...args: Parameters<typeof decide>): readonly string[] => {
  const decision = decide(...args)
  return decision.trust === 'refused' ? decision.reasons : []
}
const check = (id: string, ...args: Parameters<typeof decide>) => decide(...args).checks.find((one) => one.id === id)
const MINUTE_MS = 60_000
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const later = (ms: number) => new Date(NOW.getTime() + ms)

describe('the two ways of asking Apple', () => {
  const code = acmeFreshness(attestationToken(preimage()))
  const overAcme = (freshness: Uint8Array) => ({
    device: { ...device, source: 'acme_reattestation' as const, chain: deviceChain({ freshness }) },
  })

  test('a re-attestation over ACME carries SHA-256 of the token that commits to the key', () => {
    expect(decide(overAcme(code))).toMatchObject({ trust: 'trusted' })
    expect(check('device-chain', overAcme(code))?.source).toBe('Apple, device attestation (ACME)')
  })

  test('a DeviceInformation nonce where SHA-256 of the token belongs is unknown', () => {
    expect(reasons(overAcme(attestationNonce(preimage())))).toEqual(['FRESHNESS_UNKNOWN'])
  })

  test('SHA-256 of the token where a DeviceInformation nonce belongs is unknown', () => {
    expect(reasons({ device: { ...device, chain: deviceChain({ freshness: code }) } })).toEqual(['FRESHNESS_UNKNOWN'])
  })

  test('the decoded token, or SHA-256 of the raw nonce, is no answer over ACME either', () => {
    expect(reasons(overAcme(sha256(attestationNonce(preimage()))))).toEqual(['FRESHNESS_UNKNOWN'])
    expect(reasons(overAcme(new Uint8Array(Buffer.from(attestationToken(preimage())))))).toEqual(['FRESHNESS_UNKNOWN'])
  })

  test('over ACME nothing is repeated: an answer to an earlier question is fresh, and as old as its question', () => {
    const earlier = preimage({ issuedAt: ago(3 * HOUR_MS) })
    const chain = deviceChain({ freshness: acmeFreshness(attestationToken(earlier)), now: ago(3 * HOUR_MS) })
    const evidence = { device: { ...device, source: 'acme_reattestation' as const, chain }, noncePreimages: [preimage(), earlier] }
    expect(check('freshness', evidence)).toMatchObject({ outcome: 'pass', notes: [] })
    expect(decide(evidence).age?.since).toEqual(ago(3 * HOUR_MS))
  })

  test('the way of asking is part of the evidence’s name', () => {
    expect(decide(overAcme(code)).evidenceDigest).not.toBe(
      decide({ device: { ...device, chain: overAcme(code).device.chain } }).evidenceDigest,
    )
  })
})

describe('age', () => {
  const at = (ms: number, change: Partial<Policy> = {}) => decide({}, change, new Date(ago(HOUR_MS).getTime() - 1000 + ms)).age
  test('is fresh, then ageing from the warning on, then stale at the maximum', () => {
    const limits = { maxEvidenceAgeMs: 8 * DAY_MS, warnEvidenceAgeMs: 8 * DAY_MS }
    expect(at(7 * DAY_MS - 1, limits)?.state).toBe('fresh')
    expect(at(7 * DAY_MS, limits)?.state).toBe('ageing')
    expect(at(8 * DAY_MS - 1, limits)?.state).toBe('ageing')
    expect(at(8 * DAY_MS, limits)?.state).toBe('stale')
    expect(at(DAY_MS, { ...limits, warnEvidenceAgeMs: DAY_MS })?.state).toBe('ageing')
  })

  test('warns at 21 hours where a day is the maximum, which is what a policy asks for unless it says otherwise', () => {
    const { maxEvidenceAgeMs, warnEvidenceAgeMs } = Policy.parse({ version: 1, releases: [] })
    expect(maxEvidenceAgeMs).toBe(DAY_MS)
    expect(at(21 * HOUR_MS - 1, { maxEvidenceAgeMs, warnEvidenceAgeMs })?.state).toBe('fresh')
    expect(at(21 * HOUR_MS, { maxEvidenceAgeMs, warnEvidenceAgeMs })?.state).toBe('ageing')
    expect(at(24 * HOUR_MS, { maxEvidenceAgeMs, warnEvidenceAgeMs })?.state).toBe('stale')
  })

  test('grows old in the open: trusted still, and said on the check', () => {
    const found = check('evidence-age', { session: { ...session } }, { warnEvidenceAgeMs: HOUR_MS })
    expect(found).toMatchObject({ outcome: 'info', reasons: [] })
    expect(found?.sentence).toContain('grows old')
    expect(decide({ device: undefined }).age).toBeNull()
  })
})

describe('revoked material', () => {
  const revoke = (change: Partial<Revoked>) => ({ revoked: { ...NOTHING_REVOKED, ...change } })
  const set = (bytes: Uint8Array) => new Set([hex(sha256(bytes))])
  const [leaf = new Uint8Array(), subCa = new Uint8Array()] = device.chain
  const [acmeLeaf = new Uint8Array()] = channel.chain
  const leafCertificate = parseCertificate(leaf)
  const leafKey = leafCertificate.ok ? leafCertificate.certificate.spki : new Uint8Array()
  const root = trustedEvidence().anchors.roots[0].raw

  test.each<[string, string, Partial<Revoked>]>([
    ['the device’s leaf', 'CERT_REVOKED', { certificates: set(leaf) }],
    ['Apple’s intermediate', 'CERT_REVOKED', { certificates: set(subCa) }],
    ['the root', 'CERT_REVOKED', { certificates: set(root) }],
    ['the leaf of the MDM key', 'CERT_REVOKED', { certificates: set(acmeLeaf) }],
    ['the MDM identity', 'CERT_REVOKED', { certificates: set(channel.identityCertificate) }],
    ['an attested key', 'KEY_REVOKED', { keys: set(leafKey) }],
    ['the agent’s key', 'KEY_REVOKED', { keys: set(session.agentKey) }],
    ['the serial number', 'MAC_REVOKED', { serials: set(new Uint8Array(Buffer.from(SERIAL))) }],
  ])('%s refuses with %s alone', (_, code, change) => {
    expect(reasons(revoke(change))).toEqual([code])
  })

  test('what is not on the list is not touched', () => {
    const none = new Set([hex(sha256(new Uint8Array()))])
    expect(decide(revoke({ certificates: none, keys: none, serials: none })).trust).toBe('trusted')
  })
})

describe('an attestation received elsewhere, too', () => {
  const use = { mac: MacId.parse('mac_zzzzzzzzzzzzzzzzzzzz'), enrollmentId: 'enr_9', at: ago(DAY_MS) }
  test('from another Mac is a replay, of device and of channel alike, and says by which enrollment', () => {
    expect(reasons({ device: { ...device, otherUses: [use] } })).toEqual(['REPLAYED'])
    expect(reasons({ channel: { ...channel, otherUses: [use] } })).toEqual(['REPLAYED'])
    expect(check('not-replayed', { device: { ...device, otherUses: [use] } })?.sentence).toContain('enr_9')
  })

  test('from this Mac’s own earlier enrollment is none', () => {
    expect(decide({ device: { ...device, otherUses: [{ ...use, mac: trustedEvidence().mac.id }] } }).trust).toBe('trusted')
  })
})

describe('a Mac that cannot be what it should', () => {
  test.each<[string, string[], Partial<TrustEvidence>]>([
    ['without Apple silicon', ['HW_UNSUPPORTED'], { mac: { ...trustedEvidence().mac, isAppleSilicon: false } }],
    ['whose identity came over SCEP', ['HW_UNSUPPORTED'], { enrollment: { ...enrollment, identityKind: 'scep' } }],
    [
      'whose enrollment was followed by an attested one',
      ['ENROLLMENT_SUPERSEDED'],
      { enrollment: { ...enrollment, supersededBy: 'enr_2' } },
    ],
    ['not heard over MDM', ['MDM_SILENT'], { enrollment: { ...enrollment, lastSeenAt: ago(31 * DAY_MS) } }],
    ['never heard over MDM', ['MDM_SILENT'], { enrollment: { ...enrollment, lastSeenAt: undefined } }],
    ['heard over MDM tomorrow', ['CLOCK_SKEW'], { enrollment: { ...enrollment, lastSeenAt: later(DAY_MS) } }],
  ])('%s is refused', (_, expected, overrides) => {
    expect(reasons(overrides)).toEqual(expected)
  })

  test('a user’s enrollment is anonymous and never trusted, whatever else is said of it', () => {
    const anonymous = { device: { ...device, chain: deviceChain({ userEnrollment: true }) } }
    expect(reasons(anonymous)).toEqual(['SERIAL_MISSING', 'UDID_MISSING'])
    const channelToo = { ...anonymous, channel: { ...channel, chain: acmeChain({ userEnrollment: true }) } }
    expect(reasons(channelToo)).toEqual(['SERIAL_MISSING', 'UDID_MISSING'])
  })

  test('only what came in through Automated Device Enrollment, where the policy asks for it', () => {
    const byHand = { securityInfo: { ...securityInfo, report: securityReport } }
    expect(reasons(byHand, { requireAutomatedEnrollment: true })).toEqual(['ENROLLMENT_NOT_AUTOMATED'])
    const automated = {
      ...securityReport,
      management: { ...securityReport.management, enrolledViaDep: true, userApprovedEnrollment: false },
    }
    expect(reasons({ securityInfo: { ...securityInfo, report: automated } }, { requireAutomatedEnrollment: true })).toEqual([])
  })
})

describe('boot', () => {
  const grace = (minutes: number): Partial<Policy> => ({ bootGap: { mode: 'grace', graceMs: minutes * MINUTE_MS } })
  const silent = (minutesAgo: number, earlier: number[] = []) => ({
    session: {
      ...session,
      continuousSince: ago(minutesAgo * MINUTE_MS),
      earlierInterruptions: earlier.map((minutes) => ago(minutes * MINUTE_MS)),
    },
  })

  test('is proven in the same session while nothing interrupted it since the question', () => {
    expect(check('boot')).toMatchObject({ outcome: 'pass', notes: [] })
    expect(decide().bootGrace).toBeNull()
    expect(decide({ session: { ...session, continuousSince: ago(2 * HOUR_MS) } }).bootGrace).toBeNull()
  })

  test('after a silence is unproven, though the session calls itself the same', () => {
    expect(reasons(silent(40), grace(30))).toEqual(['BOOT_UNPROVEN'])
    expect(reasons(silent(40), { bootGap: { mode: 'refuse' } })).toEqual(['BOOT_UNPROVEN'])
    expect(reasons({ session: { ...session, continuousSince: undefined } })).toEqual(['BOOT_UNPROVEN'])
  })

  test('is let pass for the grace, which the decision and its check show', () => {
    const decision = decide(silent(10), grace(30))
    const end = later(20 * MINUTE_MS)
    expect(decision).toMatchObject({ trust: 'trusted', until: end, bootGrace: end })
    expect(check('boot', silent(10), grace(30))).toMatchObject({ outcome: 'info', reasons: [], notes: ['BOOT_UNPROVEN'] })
    expect(check('boot', { ...silent(10), device: { ...device, bootSession: 'boot-0' } }, grace(30))?.notes).toEqual([
      'BOOT_SESSION_CHANGED',
    ])
  })

  test('has a grace that ends to the millisecond', () => {
    expect(decide(silent(30), grace(30)).trust).toBe('refused')
    expect(decide({ session: { ...session, continuousSince: new Date(ago(30 * MINUTE_MS).getTime() + 1) } }, grace(30)).trust).toBe(
      'trusted',
    )
  })

  test('has one grace for one attestation: a second silence does not begin it anew, one before the question does not count', () => {
    expect(reasons(silent(5, [45]), grace(30))).toEqual(['BOOT_UNPROVEN'])
    expect(decide(silent(5, [25]), grace(30)).bootGrace).toEqual(later(5 * MINUTE_MS))
    expect(decide(silent(5, [200]), grace(30)).bootGrace).toEqual(later(25 * MINUTE_MS))
  })

  test('has no grace from the future', () => {
    expect(reasons({ session: { ...session, continuousSince: later(HOUR_MS) } }, grace(30))).toEqual(['BOOT_UNPROVEN'])
  })

  test('is no question without an attestation that answers us', () => {
    expect(check('boot', { device: undefined })).toMatchObject({ outcome: 'unknown', reasons: ['NO_ATTESTATION'] })
    expect(check('boot', { noncePreimages: [] })).toMatchObject({ outcome: 'unknown', reasons: ['FRESHNESS_UNKNOWN'] })
  })
})

describe('contradictions', () => {
  const report = (change: object, receivedAt = securityInfo.receivedAt) => ({
    securityInfo: { ...securityInfo, receivedAt, report: { ...securityReport, ...change } },
  })
  const off = { systemIntegrityProtectionEnabled: false }
  const agent = (change: object) => ({ session: { ...session, claims: { ...claims, ...change } } })
  const attested = (request: Parameters<typeof deviceChain>[0]) => ({ device: { ...device, chain: deviceChain(request) } })

  test.each<[string, string, Partial<TrustEvidence>]>([
    ['a report of SIP off in the session in which Apple attests it on', 'SIP_CONFLICT', report(off)],
    ['a report of SIP off that came later', 'SIP_CONFLICT', report(off, ago(MINUTE_MS))],
    ['an agent that says SIP is off', 'SIP_CONFLICT', agent({ sipEnabled: false })],
    ['a Mac whose SIP Apple attests off, and which says on in the same session', 'SIP_CONFLICT', attested({ sip: 1 })],
    ['a report of medium security', 'BOOT_CONFLICT', report({ secureBoot: { ...securityReport.secureBoot, level: 'medium' } })],
    [
      'a report of no Secure Boot at all',
      'BOOT_CONFLICT',
      report({ secureBoot: { ...securityReport.secureBoot, level: 'not supported' } }),
    ],
    ['an agent that says permissive', 'BOOT_CONFLICT', agent({ secureBoot: 'permissive' })],
    ['an agent with an older macOS than attested', 'OS_CONFLICT', agent({ osVersion: '15.4.1' })],
  ])('%s refuse and quarantine', (_, code, overrides) => {
    const decision = decide(overrides)
    expect(decision).toMatchObject({ trust: 'refused', quarantine: { reason: code } })
    expect(decision.trust === 'refused' && decision.reasons).toContain(code)
  })

  test.each<[string, string[], Partial<TrustEvidence>]>([
    [
      'a repair before the attestation, seen by an old report',
      ['SIP_CONFLICT'],
      { ...report(off, ago(DAY_MS)), session: { ...session, continuousSince: ago(3 * HOUR_MS) } },
    ],
    [
      'a repair after the attestation, with a restart',
      ['SIP_DISABLED', 'SIP_CONFLICT'],
      {
        ...attested({ sip: 1 }),
        ...report({}, ago(MINUTE_MS)),
        session: { ...session, continuousSince: ago(10 * MINUTE_MS), claims: { ...claims, bootSession: 'boot-2' } },
      },
    ],
  ])('%s refuses, and does not quarantine', (_, expected, overrides) => {
    expect(decide(overrides).quarantine).toBeNull()
    expect(reasons(overrides)).toEqual(expected)
  })

  test('a report from moments before the attestation speaks of the same state', () => {
    const early = { ...report(off, ago(2 * HOUR_MS + 2 * MINUTE_MS)), session: { ...session, continuousSince: ago(2 * HOUR_MS) } }
    const chain = deviceChain({ now: ago(2 * HOUR_MS) })
    expect(decide({ ...early, device: { ...device, chain } }).quarantine).toMatchObject({ reason: 'SIP_CONFLICT' })
  })

  test('an update of macOS since is none, nor a version that cannot be read', () => {
    expect(decide(agent({ osVersion: '15.6' })).trust).toBe('trusted')
    expect(decide(agent({ osVersion: 'unknown' })).trust).toBe('trusted')
  })

  test('a chain that does not hold contradicts nobody', () => {
    const decision = decide({ device: { ...device, chain: deviceChain({ sip: 1 }).slice(0, 1) } })
    expect(decision.quarantine).toBeNull()
  })

  test('Apple’s word about another Mac quarantines as well', () => {
    expect(decide(attested({ serial: 'OTHER00001' })).quarantine).toMatchObject({ reason: 'SERIAL_MISMATCH' })
    const use = { mac: MacId.parse('mac_zzzzzzzzzzzzzzzzzzzz'), enrollmentId: 'enr_9', at: ago(DAY_MS) }
    expect(decide({ device: { ...device, otherUses: [use] } }).quarantine).toMatchObject({ reason: 'REPLAYED' })
  })

  test('without contradiction nothing is quarantined', () => {
    expect(decide().quarantine).toBeNull()
    expect(decide({ session: undefined }).quarantine).toBeNull()
  })
})

describe('a Mac in another MDM server’s management', () => {
  const external = {
    enrollment: { ...enrollment, kind: 'external' as const, accessRights: 0, lastSeenAt: undefined },
    securityInfo: undefined,
  }
  const lenient: Partial<Policy> = {
    allowExternalManagement: true,
    requireFileVault: false,
    requireAuthenticatedRoot: false,
    allowExternalBoot: true,
    allowRemoteDesktop: true,
    requireApprovedEnrollment: false,
  }

  test('is refused where the policy does not allow it', () => {
    expect(reasons(external, { ...lenient, allowExternalManagement: false })).toEqual(['EXTERNAL_MANAGEMENT', 'KEY_BINDING_TOO_WEAK'])
  })

  test('needs Apple’s own word on the agent’s key, whatever the policy’s minimum', () => {
    expect(reasons(external, { ...lenient, minimumKeyBinding: 'ticket' })).toEqual(['KEY_BINDING_TOO_WEAK'])
  })

  test('is refused for every setting that the policy demands and nobody can tell us', () => {
    expect(reasons(external, { allowExternalManagement: true, requireAutomatedEnrollment: true })).toEqual([
      'KEY_BINDING_TOO_WEAK',
      'FDE_OFF',
      'ARV_OFF',
      'EXTERNAL_BOOT_ALLOWED',
      'REMOTE_DESKTOP_ON',
      'ENROLLMENT_NOT_AUTOMATED',
      'ENROLLMENT_NOT_APPROVED',
    ])
    expect(check('filevault', external)?.sentence).toContain('another MDM server')
  })

  test('is still held to what Apple says against what the agent says', () => {
    const lying = { ...external, session: { ...session, claims: { ...claims, sipEnabled: false } } }
    expect(decide(lying, lenient)).toMatchObject({ quarantine: { reason: 'SIP_CONFLICT' } })
  })
})
