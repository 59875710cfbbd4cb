import { type Appraisal, ageOf } from '../appraisal.ts'
import type { CheckId, Judged, Source } from '../checks.ts'
import type { DeviceEvidence, EnrollmentEvidence } from '../evidence.ts'
import { type EvidenceAge, evidenceAge } from '../evidence-age.ts'
import { judgeKexts, judgeOs, judgeRequired, judgeSecureBoot, judgeSerial, judgeSip, judgeUdid } from '../posture.ts'
import type { AttestedProperties } from '../properties.ts'
import type { Finding } from '../reasons.ts'
import { findRevoked, isSerialRevoked } from '../revoked.ts'
import { judgeDomain } from '../trust-domain.ts'

/** Item 1: this very Mac, attested by Apple, in a state that can be trusted, lately. */
export const deviceChecks = (appraisal: Appraisal): Judged[] => [
  ...standingChecks(appraisal),
  checkHardware(appraisal),
  checkRevoked(appraisal),
  checkReplay(appraisal),
  checkChain(appraisal),
  ...propertyChecks(appraisal),
  checkFreshness(appraisal),
  checkAge(appraisal),
]

const own = (observedAt?: Date): Source => ({ name: 'This appliance', digest: undefined, observedAt })

function standingChecks({ evidence: { mac, enrollment, anchors, revoked }, policy }: Appraisal): Judged[] {
  const standing: Finding[] = []
  if (mac.isRevoked || isSerialRevoked(revoked, mac.serial)) standing.push({ code: 'MAC_REVOKED' })
  if (mac.quarantine !== undefined) standing.push({ code: 'MAC_QUARANTINED', detail: mac.quarantine.reason })
  return [
    {
      id: 'inventory',
      source: own(),
      findings: mac.isInInventory ? [] : [{ code: 'SERIAL_NOT_IN_INVENTORY' }],
      good: 'The serial number is in the inventory.',
    },
    { id: 'standing', source: own(mac.quarantine?.at), findings: standing, good: 'It is neither revoked nor in quarantine.' },
    {
      id: 'enrollment',
      source: own(),
      findings: judgeEnrollment(enrollment),
      isAbsent: enrollment === undefined,
      good: 'The Mac is enrolled.',
    },
    {
      id: 'trust-root',
      source: own(),
      findings: judgeDomain(anchors, policy.allowEvaluation),
      good:
        anchors.domain === 'apple'
          ? 'Only Apple’s own attestation root is believed.'
          : 'The evaluation root is believed: nothing here is proven by Apple.',
      ...(anchors.domain === 'apple' ? {} : { mood: 'info' as const }),
    },
  ]
}

function judgeEnrollment(enrollment: EnrollmentEvidence | undefined): Finding[] {
  if (enrollment?.isEnrolled !== true) return [{ code: 'NOT_ENROLLED' }]
  const { supersededBy } = enrollment
  return supersededBy === undefined ? [] : [{ code: 'ENROLLMENT_SUPERSEDED', detail: `by ${supersededBy}` }]
}

/** Apple attests Apple silicon alone; an identity over SCEP is what a Mac gets that cannot be attested. */
function checkHardware({ evidence: { mac, enrollment } }: Appraisal): Judged {
  const findings: Finding[] = []
  if (mac.isAppleSilicon === false) findings.push({ code: 'HW_UNSUPPORTED', detail: 'it has no Apple silicon' })
  if (enrollment?.identityKind === 'scep') findings.push({ code: 'HW_UNSUPPORTED', detail: 'its identity came over SCEP, unattested' })
  return { id: 'hardware', source: own(), findings, good: 'Nothing speaks against hardware that Apple attests.' }
}

function checkRevoked(appraisal: Appraisal): Judged {
  return { id: 'not-revoked', source: own(), findings: findRevoked(appraisal), good: 'No certificate or key of it has been revoked.' }
}

/** The very same leaf from another Mac: one of the two never had it. The same Mac may repeat its own, as Apple’s cache does. */
function checkReplay(appraisal: Appraisal): Judged {
  const { mac, device, channel } = appraisal.evidence
  const others = [device, channel].flatMap((part) => part?.otherUses ?? []).filter((use) => use.mac !== mac.id)
  return {
    id: 'not-replayed',
    source: deviceSource(appraisal),
    findings: others.slice(0, 1).map((use) => ({ code: 'REPLAYED', detail: `by enrollment ${use.enrollmentId} of another Mac` })),
    good: 'No other Mac has sent this attestation.',
  }
}

const SOURCES: Record<DeviceEvidence['source'], string> = {
  device_information: 'Apple, device attestation (DeviceInformation)',
  acme_reattestation: 'Apple, device attestation (ACME)',
}

export const deviceSource = ({ evidence }: Appraisal): Source => ({
  name: SOURCES[evidence.device?.source ?? 'device_information'],
  digest: evidence.device?.evidenceDigest,
  observedAt: evidence.device?.receivedAt,
})

function checkChain(appraisal: Appraisal): Judged {
  const verdict = appraisal.device?.verdict
  const findings: readonly Finding[] = verdict === undefined ? [{ code: 'NO_ATTESTATION' }] : verdict.ok ? [] : verdict.findings
  return {
    id: 'device-chain',
    source: deviceSource(appraisal),
    findings,
    isAbsent: verdict === undefined,
    good: 'The attestation leads to the pinned root.',
  }
}

function propertyChecks(appraisal: Appraisal): Judged[] {
  const { evidence, policy } = appraisal
  const check = (id: CheckId, good: string, judge: (properties: AttestedProperties) => Finding[]) =>
    checkAttested(appraisal, id, good, judge)
  return [
    check('device-serial', 'Apple names this Mac’s serial number.', (p) => judgeSerial(p, evidence.mac.serial)),
    check('device-udid', 'Apple names this enrollment’s device identifier.', (p) => judgeUdid(p, evidence.enrollment?.provisioningUdid)),
    check('sip', 'System Integrity Protection is on.', judgeSip),
    check('secure-boot', 'The Mac starts with Full Security.', judgeSecureBoot),
    check('kexts', 'Third-party kernel extensions are not allowed.', judgeKexts),
    check('os-version', `macOS is ${policy.minimumOs} or later.`, (p) => judgeOs(p, policy)),
    check('attested-properties', 'Apple could verify every further property.', (p) => judgeRequired(p, policy)),
  ]
}

/** Judges what the leaf says. What a chain that does not hold says in a Mac's favour counts for nothing. */
function checkAttested(appraisal: Appraisal, id: CheckId, good: string, judge: (properties: AttestedProperties) => Finding[]): Judged {
  const source = deviceSource(appraisal)
  const { device } = appraisal
  if (device === undefined) return { id, source, findings: [{ code: 'NO_ATTESTATION' }], isAbsent: true, good }
  const chainFindings = device.verdict.ok ? [] : device.verdict.findings
  if (device.properties === undefined) return { id, source, findings: chainFindings, isAbsent: true, good }
  const findings = judge(device.properties)
  if (findings.length > 0 || device.verdict.ok) return { id, source, findings, good }
  return { id, source, findings: chainFindings, isAbsent: true, good }
}

function checkFreshness(appraisal: Appraisal): Judged {
  const { freshness } = appraisal
  const judged = checkAttested(appraisal, 'freshness', 'It answers the last question asked.', () => {
    if (freshness.state === 'absent') return [{ code: 'FRESHNESS_MISSING' }]
    return freshness.state === 'unknown' ? [{ code: 'FRESHNESS_UNKNOWN' }] : []
  })
  if (freshness.state !== 'cached') return judged
  const good = 'Apple repeated an earlier attestation, which answers an earlier question of ours about the same key.'
  return { ...judged, good, notes: ['ATTESTATION_CACHED'], mood: 'info' }
}

function checkAge(appraisal: Appraisal): Judged {
  const age = evidenceAge(appraisal)
  const judged = checkAttested(appraisal, 'evidence-age', 'The attestation is young enough.', () => judgeAge(appraisal, age))
  const dated = { ...judged, source: { ...judged.source, observedAt: age?.since ?? judged.source.observedAt } }
  if (age?.state !== 'ageing') return dated
  return { ...dated, good: `The attestation grows old: it counts until ${age.staleAt.toISOString()}, and a new one is due.`, mood: 'info' }
}

function judgeAge(appraisal: Appraisal, age: EvidenceAge | undefined): Finding[] {
  if (age === undefined) return [{ code: 'ATTESTATION_STALE' }]
  if (ageOf(age.since, appraisal.now).isAhead) return [{ code: 'CLOCK_SKEW', detail: 'the attestation’s' }]
  return age.state === 'stale' ? [{ code: 'ATTESTATION_STALE' }] : []
}
