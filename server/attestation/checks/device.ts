import { type Appraisal, ageOf, attestedSince } from '../appraisal.ts'
import type { CheckId, Judged, Source } from '../checks.ts'
import { HARD_MAX_EVIDENCE_AGE_MS } from '../policy.ts'
import { judgeKexts, judgeOs, judgeRequired, judgeSecureBoot, judgeSerial, judgeSip, judgeUdid } from '../posture.ts'
import type { AttestedProperties } from '../properties.ts'
import type { Finding } from '../reasons.ts'
import { judgeDomain } from '../trust-domain.ts'

/** Item 1: this very Mac, attested by Apple, in a state that can be trusted, lately. */
export const deviceChecks = (appraisal: Appraisal): Judged[] => [
  ...standingChecks(appraisal),
  checkChain(appraisal),
  ...propertyChecks(appraisal),
  checkFreshness(appraisal),
  checkAge(appraisal),
]

const own = (observedAt?: Date): Source => ({ name: 'This appliance', digest: undefined, observedAt })

function standingChecks({ evidence: { mac, enrollment, anchors }, policy }: Appraisal): Judged[] {
  const standing: Finding[] = []
  if (mac.isRevoked) standing.push({ code: 'MAC_REVOKED' })
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
      findings: enrollment?.isEnrolled === true ? [] : [{ code: 'NOT_ENROLLED' }],
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

export const deviceSource = ({ evidence }: Appraisal): Source => ({
  name: 'Apple, device attestation (DeviceInformation)',
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
  const good =
    freshness.state === 'fresh'
      ? 'It answers the last question asked.'
      : 'Apple repeated an earlier attestation, which answers an earlier question of ours.'
  return checkAttested(appraisal, 'freshness', good, () => {
    if (freshness.state === 'absent') return [{ code: 'FRESHNESS_MISSING' }]
    return freshness.state === 'unknown' ? [{ code: 'FRESHNESS_UNKNOWN' }] : []
  })
}

function checkAge(appraisal: Appraisal): Judged {
  const since = attestedSince(appraisal)
  const judged = checkAttested(appraisal, 'evidence-age', 'The attestation is young enough.', () => judgeAge(appraisal, since))
  return { ...judged, source: { ...judged.source, observedAt: since ?? judged.source.observedAt } }
}

export const maxEvidenceAgeMs = ({ policy }: Appraisal): number => Math.min(policy.maxEvidenceAgeMs, HARD_MAX_EVIDENCE_AGE_MS)

function judgeAge(appraisal: Appraisal, since: Date | undefined): Finding[] {
  if (since === undefined) return [{ code: 'ATTESTATION_STALE' }]
  const { ageMs, isAhead } = ageOf(since, appraisal.now)
  if (isAhead) return [{ code: 'CLOCK_SKEW', detail: 'the attestation’s' }]
  // At the limit it has expired: `until` is the first moment without trust.
  return ageMs >= maxEvidenceAgeMs(appraisal) ? [{ code: 'ATTESTATION_STALE' }] : []
}
