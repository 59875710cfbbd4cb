import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MacId, newId } from '#protocol/ids'
import { attestationNonce } from '#protocol/statements'
import { createEvaluationAuthority, issueAttestation, property } from '../../test/software-mac/apple/authority.ts'
import {
  acmeChain,
  ago,
  authority,
  claims,
  DAY_MS,
  deviceChain,
  facts,
  HOUR_MS,
  identityCertificate,
  MAC,
  NOW,
  otherAgentKey,
  p384,
  parts,
  policy,
  preimage,
  securityReport,
  sha256,
  trustedEvidence,
} from '../../test/support/trust-evidence.ts'
import { LAYERS } from './checks.ts'
import { decideTrust } from './decide-trust.ts'
import type { TrustEvidence } from './evidence.ts'
import { Policy, type WaiverScope } from './policy.ts'
import type { ReasonCode } from './reasons.ts'
import { APPLE_ANCHORS, createCustomAnchors } from './roots.ts'

const decide = (overrides: Partial<TrustEvidence> = {}, policyChanges: Partial<Policy> = {}, now = NOW) =>
  decideTrust(trustedEvidence(overrides), { ...policy, ...policyChanges }, now)

const reasonsOf = (...args: Parameters<typeof decide>): readonly string[] => {
  const decision = decide(...args)
  return decision.trust === 'refused' ? decision.reasons : []
}

const { enrollment, channel, device, binding, securityInfo, session } = parts
const device_ = (change: Partial<typeof device>) => ({ device: { ...device, ...change } })
const attested = (...args: Parameters<typeof deviceChain>) => device_({ chain: deviceChain(...args) })
const channel_ = (change: Partial<typeof channel>) => ({ channel: { ...channel, ...change } })
const session_ = (change: Partial<typeof session>) => ({ session: { ...session, ...change } })
const report_ = (change: object) => ({ securityInfo: { ...securityInfo, report: { ...securityReport, ...change } } })
const mac_ = (change: Partial<TrustEvidence['mac']>) => ({ mac: { ...trustedEvidence().mac, ...change } })
const without = (suffix: string) => ({
  overrides: { extensions: (all: { oid: string; value: Uint8Array }[]) => all.filter(({ oid }) => !oid.endsWith(`100.8.${suffix}`)) },
})
const blank = (suffix: string) => ({
  overrides: {
    extensions: (all: { oid: string; value: Uint8Array }[]) =>
      all.map((extension) => (extension.oid.endsWith(`100.8.${suffix}`) ? { ...extension, value: new Uint8Array() } : extension)),
  },
})

test('trusts a Mac with which nothing is wrong, until the first piece of evidence grows too old', () => {
  const decision = decide()
  expect(decision).toMatchObject({ trust: 'trusted', keyBinding: 'ticket' })
  if (decision.trust !== 'trusted') return
  // The attestation was made an hour ago at the earliest moment, the security report came two hours ago.
  expect(decision.until).toEqual(new Date(ago(2 * HOUR_MS).getTime() + 8 * DAY_MS))
  expect(decision.evidenceDigest).toMatch(/^[0-9a-f]{64}$/)
  expect(decision.checks.filter(({ outcome }) => outcome !== 'pass' && outcome !== 'info')).toEqual([])
})

describe('each check, where only it fails', () => {
  const identity = identityCertificate(p384())
  const expired = identityCertificate(undefined, { notAfter: ago(1000) })
  const cases: [string, ReasonCode[], Partial<TrustEvidence>, Partial<Policy>?][] = [
    ['a serial number that is not in the inventory', ['SERIAL_NOT_IN_INVENTORY'], mac_({ isInInventory: false })],
    ['a revoked Mac', ['MAC_REVOKED'], mac_({ isRevoked: true })],
    ['a Mac in quarantine', ['MAC_QUARANTINED'], mac_({ quarantine: { reason: 'CHALLENGE_BAD_SIG', at: ago(1) } })],
    ['an enrollment that has not finished', ['NOT_ENROLLED'], { enrollment: { ...enrollment, isEnrolled: false } }],
    [
      'the evaluation root where the policy does not allow it',
      ['TEST_ROOT_IN_PRODUCTION'],
      session_({ claims: { ...claims, platform: 'macos' } }),
      { allowEvaluation: false },
    ],
    ['an attestation that another authority made', ['CHAIN_UNTRUSTED'], device_({ chain: strangerChain() })],
    ['an attestation without its intermediate', ['CHAIN_INCOMPLETE'], device_({ chain: device.chain.slice(0, 1) })],
    ['an attestation of another serial number', ['SERIAL_MISMATCH'], attested({ serial: 'OTHER00001' })],
    ['an attestation without a serial number', ['SERIAL_MISSING'], attested(without('9.1'))],
    ['an attestation of another UDID', ['UDID_MISMATCH'], attested({ udid: '00006030-FFFFFFFFFFFFFFFF' })],
    ['an attestation without a UDID', ['UDID_MISSING'], attested(without('9.2'))],
    ['SIP off', ['SIP_DISABLED', 'SIP_CONFLICT'], attested({ sip: 1 })],
    ['SIP off by an unusual number', ['SIP_DISABLED', 'SIP_CONFLICT'], attested({ sip: 119 })],
    ['SIP unsaid', ['SIP_UNKNOWN'], attested(without('13.1'))],
    ['SIP blank', ['SIP_UNKNOWN'], attested(blank('13.1'))],
    ['Reduced Security', ['BOOT_REDUCED', 'BOOT_CONFLICT'], attested({ secureBoot: 'Reduced Security' })],
    ['Permissive Security', ['BOOT_PERMISSIVE', 'BOOT_CONFLICT'], attested({ secureBoot: 'Permissive Security' })],
    ['a secure boot level nobody knows', ['BOOT_UNKNOWN'], attested({ secureBoot: 'Full security' })],
    ['secure boot blank', ['BOOT_UNKNOWN'], attested(blank('13.2'))],
    ['third-party kernel extensions', ['KEXT_ALLOWED'], attested({ kexts: 1 })],
    ['kernel extensions unsaid', ['KEXT_UNKNOWN'], attested(without('13.3'))],
    ['an old macOS', ['OS_TOO_OLD'], attested({ osVersion: '14.1.2' })],
    ['macOS unsaid', ['OS_UNKNOWN'], attested(without('10.1'))],
    ['a blank sepOS version', ['PROPERTY_UNKNOWN'], attested(blank('10.2'))],
    ['no freshness code', ['FRESHNESS_MISSING'], attested(without('11.1'))],
    ['a freshness code of a nonce never sent', ['FRESHNESS_UNKNOWN'], attested({ freshness: new Uint8Array(32).fill(9) })],
    ['the nonce hashed once more, as ACME would', ['FRESHNESS_UNKNOWN'], attested({ freshness: sha256(attestationNonce(preimage())) })],
    ['a nonce made for another Mac', ['FRESHNESS_UNKNOWN'], withNonce({ mac: MacId.parse('mac_zzzzzzzzzzzzzzzzzzzz') })],
    ['a nonce made for another enrollment', ['FRESHNESS_UNKNOWN'], withNonce({ enrollmentId: 'enr_0' })],
    ['a nonce sent after the answer came', ['FRESHNESS_UNKNOWN'], withNonce({ issuedAt: ago(HOUR_MS / 2) })],
    ['a nonce that commits to another key', ['STALE_KEY_BINDING'], withNonce({ agentKey: otherAgentKey })],
    ['an attestation older than the policy allows', ['ATTESTATION_STALE'], {}, { maxEvidenceAgeMs: HOUR_MS }],
    ['an attestation from the future', ['CHAIN_NOT_YET_VALID', 'CLOCK_SKEW'], attested({ now: new Date(NOW.getTime() + DAY_MS) })],
    ['an MDM key under another token', ['FRESHNESS_MISMATCH'], channel_({ token: 'another-token' })],
    [
      'an MDM key whose freshness is the raw token',
      ['FRESHNESS_MISMATCH'],
      channel_({ chain: acmeChain({ freshness: Buffer.from('a-token-of-128-random-bits') }) }),
    ],
    ['an MDM key without freshness', ['FRESHNESS_MISSING'], channel_({ chain: acmeChain(without('11.1')) })],
    ['an MDM key of another Mac', ['SERIAL_MISMATCH'], channel_({ chain: acmeChain({ serial: 'OTHER00001' }) })],
    ['an MDM key of another UDID', ['UDID_MISMATCH'], channel_({ chain: acmeChain({ udid: '00006030-FFFFFFFFFFFFFFFF' }) })],
    [
      'an MDM identity with another key than the attested',
      ['CSR_KEY_MISMATCH'],
      { ...channel_({ identityCertificate: identity }), enrollment: { ...enrollment, identitySha256: sha256(identity) } },
    ],
    ['an MDM identity pinned to nothing', ['CERT_NOT_BOUND'], { enrollment: { ...enrollment, identitySha256: undefined } }],
    [
      'an MDM identity other than the pinned one',
      ['CERT_NOT_BOUND'],
      { enrollment: { ...enrollment, identitySha256: new Uint8Array(32) } },
    ],
    [
      'an expired MDM identity',
      ['CERT_EXPIRED'],
      { ...channel_({ identityCertificate: expired }), enrollment: { ...enrollment, identitySha256: sha256(expired) } },
    ],
    ['rights that leave out device information', ['RIGHTS_INSUFFICIENT'], { enrollment: { ...enrollment, accessRights: 8191 & ~16 } }],
    ['rights that leave out security information', ['RIGHTS_INSUFFICIENT'], { enrollment: { ...enrollment, accessRights: 8191 & ~1024 } }],
    ['a key bound under an earlier enrollment', ['AGENT_KEY_UNBOUND'], { binding: { ...binding, enrollmentId: 'enr_0' } }],
    ['a binding weaker than the policy', ['KEY_BINDING_TOO_WEAK'], {}, { minimumKeyBinding: 'apple' }],
    ['a release that is not allowed', ['RELEASE_NOT_ALLOWED'], {}, { releases: [{ agentVersion: '0.2.0' }] }],
    ['a release with another code hash', ['RELEASE_NOT_ALLOWED'], {}, { releases: [{ agentVersion: '0.1.0', codeHash: 'cd'.repeat(32) }] }],
    ['a release of another team', ['RELEASE_NOT_ALLOWED'], {}, { releases: [{ agentVersion: '0.1.0', teamId: 'TEAM' }] }],
    ['an empty allow-list', ['RELEASE_NOT_ALLOWED'], {}, { releases: [] }],
    ['RDMA on', ['RDMA_ENABLED'], session_({ claims: { ...claims, rdmaEnabled: true } })],
    ['a session without claims', ['CODE_UNKNOWN'], session_({ claims: undefined })],
    ['no challenge answered yet', ['CHALLENGE_MISSED'], session_({ lastAnsweredAt: undefined })],
    ['two challenges missed', ['CHALLENGE_MISSED'], session_({ missed: 2 })],
    ['an answer from long ago', ['CHALLENGE_MISSED'], session_({ lastAnsweredAt: ago(11 * 60_000) })],
    ['an answer from the future', ['CLOCK_SKEW'], session_({ lastAnsweredAt: new Date(NOW.getTime() + HOUR_MS) })],
    ['a session that signs with another key', ['AGENT_KEY_UNBOUND'], session_({ agentKey: otherAgentKey })],
    [
      'a restart where the policy gives no grace',
      ['BOOT_SESSION_CHANGED'],
      device_({ bootSession: 'boot-0' }),
      { bootGap: { mode: 'refuse' } },
    ],
    ['a restart whose grace has passed', ['BOOT_SESSION_CHANGED'], device_({ bootSession: 'boot-0' })],
    ['a boot session that was never noted', ['BOOT_UNPROVEN'], device_({ bootSession: undefined })],
    [
      'a restart nobody knows the time of',
      ['BOOT_SESSION_CHANGED'],
      { ...device_({ bootSession: 'boot-0' }), ...session_({ continuousSince: undefined }) },
    ],
    ['an old security report', ['SECURITYINFO_STALE'], {}, { maxSecurityInfoAgeMs: HOUR_MS }],
    [
      'a security report from the future',
      ['CLOCK_SKEW'],
      { securityInfo: { ...securityInfo, receivedAt: new Date(NOW.getTime() + HOUR_MS) } },
    ],
    ['a security report that cannot be understood', ['SECURITYINFO_INCOMPLETE'], report_({ fileVaultEnabled: 'yes' })],
    ['a Mac that reports SIP off', ['SIP_CONFLICT'], report_({ systemIntegrityProtectionEnabled: false })],
    ['an agent that reports SIP off', ['SIP_CONFLICT'], session_({ claims: { ...claims, sipEnabled: false } })],
    ['a report silent on SIP', ['SECURITYINFO_INCOMPLETE'], report_({ systemIntegrityProtectionEnabled: null })],
    ['a Mac that reports medium security', ['BOOT_CONFLICT'], report_({ secureBoot: { ...securityReport.secureBoot, level: 'medium' } })],
    [
      'a Mac that reports no Secure Boot',
      ['BOOT_CONFLICT'],
      report_({ secureBoot: { ...securityReport.secureBoot, level: 'not supported' } }),
    ],
    ['an agent that reports permissive security', ['BOOT_CONFLICT'], session_({ claims: { ...claims, secureBoot: 'permissive' } })],
    ['FileVault off', ['FDE_OFF'], report_({ fileVaultEnabled: false })],
    ['a report without its management part', ['SECURITYINFO_INCOMPLETE'], report_({ management: undefined })],
    [
      'a report silent on the kind of enrollment',
      ['SECURITYINFO_INCOMPLETE'],
      report_({ management: { ...securityReport.management, isUserEnrollment: null } }),
    ],
    ['FileVault unsaid', ['SECURITYINFO_INCOMPLETE'], report_({ fileVaultEnabled: null })],
    ['an unauthenticated system volume', ['ARV_OFF'], report_({ authenticatedRootVolumeEnabled: false })],
    [
      'start from external media',
      ['EXTERNAL_BOOT_ALLOWED'],
      report_({ secureBoot: { ...securityReport.secureBoot, externalBoot: 'allowed' } }),
    ],
    ['remote management', ['REMOTE_DESKTOP_ON'], report_({ remoteDesktopEnabled: true })],
    ['a user enrollment', ['USER_ENROLLMENT'], report_({ management: { ...securityReport.management, isUserEnrollment: true } })],
    [
      'an unapproved enrollment',
      ['ENROLLMENT_NOT_APPROVED'],
      report_({ management: { ...securityReport.management, userApprovedEnrollment: false } }),
    ],
  ]

  test.each(cases)('refuses %s', (_, expected, overrides, policyChanges) => {
    expect(reasonsOf(overrides, policyChanges)).toEqual(expected)
  })

  test('refuses a software Mac where the policy allows real ones only', () => {
    expect(reasonsOf({}, { allowEvaluation: false })).toEqual(['TEST_ROOT_IN_PRODUCTION', 'SOFTWARE_MAC'])
  })

  test('refuses a software Mac under Apple’s pin', () => {
    expect(reasonsOf({ anchors: APPLE_ANCHORS })).toEqual(['CHAIN_UNTRUSTED'])
  })

  test('never trusts a Mac under a root named by hand', () => {
    expect(reasonsOf({ anchors: createCustomAnchors(authority.rootDer) })).toEqual(['CHAIN_UNTRUSTED'])
  })

  test('refuses a leaf older than its intermediate’s or its own end', () => {
    const later = new Date(NOW.getTime() + 92 * DAY_MS)
    expect(reasonsOf({}, {}, later)).toContain('CHAIN_EXPIRED')
  })
})

function withNonce(options: Parameters<typeof preimage>[0]): Partial<TrustEvidence> {
  const other = preimage(options)
  return { noncePreimages: [other], device: { ...device, chain: deviceChain({}, attestationNonce(other)) } }
}

function strangerChain(): Uint8Array[] {
  const stranger = createEvaluationAuthority({ now: ago(DAY_MS) })
  return issueAttestation(stranger, facts({ freshness: attestationNonce(preimage()) }))
}

describe('absent evidence', () => {
  const pieces: [keyof TrustEvidence, TrustEvidence[keyof TrustEvidence], ReasonCode][] = [
    ['enrollment', undefined, 'NOT_ENROLLED'],
    ['channel', undefined, 'NO_CHANNEL_ATTESTATION'],
    ['device', undefined, 'NO_ATTESTATION'],
    ['noncePreimages', [], 'FRESHNESS_UNKNOWN'],
    ['binding', undefined, 'AGENT_KEY_UNBOUND'],
    ['securityInfo', undefined, 'SECURITYINFO_MISSING'],
    ['session', undefined, 'NO_SESSION'],
  ]

  test.each(pieces)('without %s there is no trust', (piece, nothing, code) => {
    expect(reasonsOf({ [piece]: nothing })).toContain(code)
  })

  test('removing any pieces whatever never leads to trust', () => {
    fc.assert(
      fc.property(fc.subarray(pieces, { minLength: 1 }), (removed) => {
        const decision = decide(Object.fromEntries(removed.map(([piece, nothing]) => [piece, nothing])))
        expect(decision.trust).toBe('refused')
      }),
      { numRuns: 30 },
    )
  })

  test('a Mac that is merely off is refused as offline, with no other reason', () => {
    expect(decide({ session: undefined })).toMatchObject({ trust: 'refused', reasons: ['NO_SESSION'], isOffline: true })
    expect(decide(mac_({ isRevoked: true }))).toMatchObject({ isOffline: false })
    expect(decide({ ...mac_({ isRevoked: true }), session: undefined })).toMatchObject({ isOffline: false })
  })

  test('an empty chain and an empty nonce are refusals, not exceptions', () => {
    expect(reasonsOf(device_({ chain: [] }))).toContain('CHAIN_INCOMPLETE')
    expect(reasonsOf({ noncePreimages: [new Uint8Array(), new Uint8Array(2000)] })).toContain('FRESHNESS_UNKNOWN')
  })
})

test('names every failing reason at once', () => {
  const reasons = reasonsOf({
    ...attested({ sip: 1, kexts: 1, osVersion: '13.0' }),
    ...report_({ fileVaultEnabled: false }),
    session: undefined,
  })
  expect(reasons).toEqual(expect.arrayContaining(['SIP_DISABLED', 'KEXT_ALLOWED', 'OS_TOO_OLD', 'FDE_OFF', 'NO_SESSION', 'SIP_CONFLICT']))
})

test('says nothing good about a Mac on the word of a chain that does not hold', () => {
  const decision = decide(device_({ chain: strangerChain() }))
  const attestedChecks = decision.checks.filter(({ id }) => ['sip', 'secure-boot', 'kexts', 'device-serial', 'device-udid'].includes(id))
  expect(attestedChecks.map(({ outcome }) => outcome)).toEqual(['unknown', 'unknown', 'unknown', 'unknown', 'unknown'])
})

describe('Apple’s seven-day cache', () => {
  const earlier = preimage({ issuedAt: ago(5 * DAY_MS) })
  const cachedChain = deviceChain({ now: ago(5 * DAY_MS) }, attestationNonce(earlier))
  const unbroken = session_({ continuousSince: ago(9 * DAY_MS) })

  test('accepts a repeated attestation of the same key while it is young enough, and counts its age from then', () => {
    const decision = decide({ ...device_({ chain: cachedChain }), ...unbroken, noncePreimages: [preimage(), earlier] })
    expect(decision).toMatchObject({ trust: 'trusted', until: new Date(ago(5 * DAY_MS).getTime() + 8 * DAY_MS) })
    const check = decision.checks.find(({ id }) => id === 'freshness')
    expect(check).toMatchObject({
      outcome: 'info',
      reasons: [],
      notes: ['ATTESTATION_CACHED'],
      sentence: expect.stringContaining('repeated'),
    })
  })

  test('refuses it once it is older than the hard maximum, whatever the policy object says', () => {
    const old = preimage({ issuedAt: ago(8 * DAY_MS) })
    const chain = deviceChain({ now: ago(8 * DAY_MS) }, attestationNonce(old))
    expect(reasonsOf({ ...device_({ chain }), ...unbroken, noncePreimages: [old] }, { maxEvidenceAgeMs: 90 * DAY_MS })).toEqual([
      'ATTESTATION_STALE',
    ])
  })

  test('refuses one that repeats an earlier key’s nonce', () => {
    const oldKey = preimage({ issuedAt: ago(5 * DAY_MS), agentKey: otherAgentKey })
    const chain = deviceChain({ now: ago(5 * DAY_MS) }, attestationNonce(oldKey))
    expect(reasonsOf({ ...device_({ chain }), ...unbroken, noncePreimages: [preimage(), oldKey] })).toEqual(['STALE_KEY_BINDING'])
  })
})

describe('a relay: machine X registers its own key under Mac M’s serial number, and M obligingly attests', () => {
  const relayed = withNonce({ agentKey: otherAgentKey })
  const sessionOfX = session_({ agentKey: otherAgentKey })

  test('fails without a ticket proved by X’s key', () => {
    expect(reasonsOf({ ...relayed, ...sessionOfX, binding: undefined })).toEqual(['AGENT_KEY_UNBOUND'])
  })

  test('fails while the ticket was proved by M’s own key', () => {
    expect(reasonsOf({ ...relayed, ...sessionOfX })).toEqual(['STALE_KEY_BINDING', 'AGENT_KEY_UNBOUND'])
  })
})

test('a restart inside the policy’s grace is trusted until the grace ends, and says so', () => {
  const continuousSince = ago(10 * 60_000)
  const decision = decide({ ...device_({ bootSession: 'boot-0' }), ...session_({ continuousSince }) })
  expect(decision).toMatchObject({ trust: 'trusted', until: new Date(continuousSince.getTime() + 30 * 60_000) })
  expect(decision.checks.find(({ id }) => id === 'boot')).toMatchObject({ outcome: 'info' })
})

test('the old leaf of a long-issued MDM identity does not spoil it', () => {
  const issuedAt = ago(29 * DAY_MS)
  const chain = acmeChain({ now: issuedAt, overrides: { leaf: { notAfter: ago(20 * DAY_MS) } } })
  expect(decide(channel_({ chain, receivedAt: issuedAt })).trust).toBe('trusted')
  expect(reasonsOf(channel_({ chain, receivedAt: ago(DAY_MS) }))).toEqual(['CHAIN_EXPIRED'])
})

describe('waivers', () => {
  const waive = (code: 'FDE_OFF', until: Date, scope: WaiverScope = { kind: 'all' }): Partial<Policy> => ({
    waivers: [{ id: newId('wvr'), code, scope, why: 'lab Mac', from: ago(DAY_MS).toISOString(), until: until.toISOString() }],
  })
  const off = report_({ fileVaultEnabled: false })
  const end = new Date(NOW.getTime() + HOUR_MS)

  test('lift a policy item, visibly, and bound the trust by their own end', () => {
    const decision = decide(off, waive('FDE_OFF', end))
    expect(decision).toMatchObject({ trust: 'trusted', until: end })
    expect(decision.checks.find(({ id }) => id === 'filevault')).toMatchObject({ outcome: 'waived', reasons: [] })
  })

  test('do not count after their end, nor for another Mac', () => {
    expect(reasonsOf(off, waive('FDE_OFF', ago(1)))).toEqual(['FDE_OFF'])
    expect(reasonsOf(off, waive('FDE_OFF', end, { kind: 'mac', mac: 'mac_zzzzzzzzzzzzzzzzzzzz' }))).toEqual(['FDE_OFF'])
    expect(decide(off, waive('FDE_OFF', end, { kind: 'mac', mac: MAC })).trust).toBe('trusted')
  })

  test('of a pool count for its Macs alone', () => {
    const inLab = { ...off, mac: { ...trustedEvidence().mac, pool: 'lab' } }
    expect(decide(inLab, waive('FDE_OFF', end, { kind: 'pool', pool: 'lab' })).trust).toBe('trusted')
    expect(reasonsOf(off, waive('FDE_OFF', end, { kind: 'pool', pool: 'lab' }))).toEqual(['FDE_OFF'])
  })

  test('cannot be written for device, channel, key or revocation', () => {
    for (const code of ['SIP_DISABLED', 'CHAIN_UNTRUSTED', 'CSR_KEY_MISMATCH', 'AGENT_KEY_UNBOUND', 'MAC_REVOKED', 'ATTESTATION_STALE']) {
      const waiver = { ...waive('FDE_OFF', end).waivers?.[0], code }
      expect(Policy.safeParse({ version: 1, releases: [], waivers: [waiver] }).success).toBe(false)
    }
  })

  test('do nothing if one is smuggled past the schema', () => {
    const smuggled = waive('SIP_DISABLED' as 'FDE_OFF', end)
    expect(reasonsOf(attested({ sip: 1 }), smuggled)).toContain('SIP_DISABLED')
  })
})

test('refuses a nonce from the future, although its answer came even later', () => {
  const ahead = (hours: number) => new Date(NOW.getTime() + hours * HOUR_MS)
  const nonce = preimage({ issuedAt: ahead(1) })
  const chain = deviceChain({}, attestationNonce(nonce))
  expect(reasonsOf({ ...device_({ chain, receivedAt: ahead(2) }), noncePreimages: [nonce] })).toEqual(['CLOCK_SKEW'])
  expect(decide({ ...device_({ chain, receivedAt: ahead(2) }), noncePreimages: [nonce] })).toMatchObject({ isOffline: false })
})

test('the policy’s maximum age cannot be set beyond the hard limit', () => {
  expect(Policy.safeParse({ version: 1, releases: [], maxEvidenceAgeMs: 8 * DAY_MS }).success).toBe(true)
  expect(Policy.safeParse({ version: 1, releases: [], maxEvidenceAgeMs: 8 * DAY_MS + 1 }).success).toBe(false)
})

describe('the evidence digest', () => {
  const digest = (...args: Parameters<typeof decide>) => decide(...args).evidenceDigest

  test('names neither liveness nor policy nor posture reports', () => {
    expect(digest({ session: undefined })).toBe(digest())
    expect(digest({}, { minimumOs: '99.0' })).toBe(digest())
    expect(digest({ securityInfo: undefined })).toBe(digest())
  })

  test('changes with the chain, the nonce and the binding', () => {
    expect(digest(attested())).not.toBe(digest())
    expect(digest(channel_({ chain: acmeChain() }))).not.toBe(digest())
    const { agentKey, enrollmentId, provedAt } = binding
    const reported = {
      agentKey,
      enrollmentId,
      provedAt,
      level: 'mdm-signed' as const,
      replyDigest: sha256(agentKey),
      signatureDigest: sha256(enrollment.identitySha256 ?? agentKey),
    }
    expect(digest({ binding: reported })).not.toBe(digest())
    expect(digest({ binding: { ...reported, replyDigest: new Uint8Array(32) } })).not.toBe(digest({ binding: reported }))
    expect(digest(withNonce({ issuedAt: ago(1.5 * HOUR_MS) }))).not.toBe(digest())
  })

  test('is null while a part is absent', () => {
    expect(digest({ binding: undefined })).toBeNull()
    expect(digest({ device: undefined })).toBeNull()
  })
})

describe('the checks', () => {
  test('show each of the eight layers and all seven items', () => {
    const { checks } = decide()
    expect(new Set(checks.map(({ layer }) => layer).filter((layer) => layer !== null))).toEqual(new Set(LAYERS))
    expect(new Set(checks.map(({ item }) => item))).toEqual(new Set([1, 2, 3, 4, 5, 6, 7]))
    expect(new Set(checks.map(({ id }) => id)).size).toBe(checks.length)
  })

  test('name reason and remedy, source, evidence and age', () => {
    const check = decide(attested({ sip: 1 })).checks.find(({ id }) => id === 'sip')
    expect(check).toMatchObject({ outcome: 'fail', reasons: ['SIP_DISABLED'], ageMs: HOUR_MS, observedAt: ago(HOUR_MS).toISOString() })
    expect(check?.sentence).toContain('System Integrity Protection is off')
    expect(check?.remedy).toContain('csrutil enable')
    expect(check?.evidenceDigest).toMatch(/^[0-9a-f]{64}$/)
  })

  test('are plain JSON', () => {
    const { checks } = decide()
    expect(JSON.parse(JSON.stringify(checks))).toEqual(checks)
  })
})

test('an odd encoding is unknown, never a value: DER inside the serial, BOOLEAN for SIP, twice the same', () => {
  const replace = (suffix: string, value: Uint8Array) => ({
    overrides: {
      extensions: (all: { oid: string; value: Uint8Array }[]) =>
        all.map((extension) => (extension.oid.endsWith(`100.8.${suffix}`) ? { ...extension, value } : extension)),
    },
  })
  expect(reasonsOf(attested(replace('9.1', Uint8Array.from([0x0c, 10, ...Buffer.from('0HXK2Q9ABC')]))))).toEqual(['SERIAL_MISSING'])
  expect(reasonsOf(attested(replace('13.1', Uint8Array.of(1, 1, 0))))).toEqual(['SIP_UNKNOWN'])
  expect(reasonsOf(attested(replace('13.1', Uint8Array.of(0x30))))).toEqual(['SIP_UNKNOWN'])
  expect(reasonsOf(attested(replace('13.3', Uint8Array.of(2, 1, 0, 0))))).toEqual(['KEXT_UNKNOWN'])
  const twice = attested({ overrides: { extensions: (all) => [...all, property('13.1', Uint8Array.of(2, 1, 0))] } })
  expect(reasonsOf(twice)).toEqual(expect.arrayContaining(['EXT_DUPLICATE', 'SIP_UNKNOWN']))
})
