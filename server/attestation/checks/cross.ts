import { type Appraisal, ageOf } from '../appraisal.ts'
import type { CheckId, Judged, Source } from '../checks.ts'
import type { Policy } from '../policy.ts'
import { known } from '../properties.ts'
import type { Finding, ReasonCode } from '../reasons.ts'
import type { SecurityReport } from '../security-report.ts'

/** Item 7: what the Mac reports over MDM agrees with Apple, and meets the policy. Self-reported: it can only count against it. */
export function crossChecks(appraisal: Appraisal): Judged[] {
  const { policy } = appraisal
  const check = (id: CheckId, good: string, judge: (report: SecurityReport) => Finding[]) => checkReport(appraisal, id, good, judge)
  return [
    checkPresence(appraisal),
    check('sip-agrees', 'The Mac says the same of SIP as Apple.', (report) => judgeSipAgreement(report, appraisal)),
    check('boot-agrees', 'The Mac says the same of Secure Boot as Apple.', (report) => judgeBootAgreement(report, appraisal)),
    check('filevault', 'FileVault is on, or not required.', ({ fileVaultEnabled }) =>
      policy.requireFileVault ? demand('FDE_Enabled', fileVaultEnabled, 'FDE_OFF') : [],
    ),
    check('authenticated-root', 'The system volume is authenticated, or need not be.', ({ authenticatedRootVolumeEnabled }) =>
      policy.requireAuthenticatedRoot ? demand('AuthenticatedRootVolumeEnabled', authenticatedRootVolumeEnabled, 'ARV_OFF') : [],
    ),
    check('external-boot', 'The Mac does not start from external media, or may.', (report) => judgeExternalBoot(report, policy)),
    check('remote-desktop', 'Remote management is off, or allowed.', ({ remoteDesktopEnabled: isOn }) =>
      policy.allowRemoteDesktop ? [] : demand('RemoteDesktopEnabled', isOn === null ? null : !isOn, 'REMOTE_DESKTOP_ON'),
    ),
    check('management', 'The Mac is enrolled as a device, with approval.', (report) => judgeManagement(report, policy)),
  ]
}

const sourceOf = ({ evidence: { securityInfo } }: Appraisal): Source => ({
  name: 'The Mac’s own report (MDM SecurityInfo)',
  digest: securityInfo?.evidenceDigest,
  observedAt: securityInfo?.receivedAt,
})

function checkPresence(appraisal: Appraisal): Judged {
  const { securityInfo } = appraisal.evidence
  const judged = { id: 'security-info' as const, source: sourceOf(appraisal), good: 'The Mac has reported its security settings lately.' }
  if (securityInfo === undefined) return { ...judged, findings: [{ code: 'SECURITYINFO_MISSING' }], isAbsent: true }
  if (appraisal.report === undefined)
    return { ...judged, findings: [{ code: 'SECURITYINFO_INCOMPLETE', detail: 'it cannot be understood' }] }
  const { ageMs, isAhead } = ageOf(securityInfo.receivedAt, appraisal.now)
  if (isAhead) return { ...judged, findings: [{ code: 'CLOCK_SKEW', detail: 'the report’s' }] }
  return { ...judged, findings: ageMs >= appraisal.policy.maxSecurityInfoAgeMs ? [{ code: 'SECURITYINFO_STALE' }] : [] }
}

function checkReport(appraisal: Appraisal, id: CheckId, good: string, judge: (report: SecurityReport) => Finding[]): Judged {
  const source = sourceOf(appraisal)
  const { report } = appraisal
  if (report !== undefined) return { id, source, findings: judge(report), good }
  const code = appraisal.evidence.securityInfo === undefined ? 'SECURITYINFO_MISSING' : 'SECURITYINFO_INCOMPLETE'
  return { id, source, findings: [{ code }], isAbsent: true, good }
}

/** A fact that must be there and be true. */
function demand(name: string, fact: boolean | null, otherwise: ReasonCode): Finding[] {
  if (fact === null) return [missing(name)]
  return fact ? [] : [{ code: otherwise }]
}

const missing = (name: string): Finding => ({ code: 'SECURITYINFO_INCOMPLETE', detail: name })

function judgeSipAgreement({ systemIntegrityProtectionEnabled: reported }: SecurityReport, { device, evidence }: Appraisal): Finding[] {
  if (reported === null) return [missing('SystemIntegrityProtectionEnabled')]
  const attested = device?.properties && known(device.properties.sip)
  const claimed = evidence.session?.claims?.sipEnabled
  const voices = [reported, ...(attested === undefined ? [] : [attested === 'enabled']), ...(claimed === undefined ? [] : [claimed])]
  return new Set(voices).size === 1 ? [] : [{ code: 'SIP_CONFLICT' }]
}

/** Apple's two vocabularies for the same three states. */
const LEVELS = { full: 'full', medium: 'reduced', off: 'permissive' } as const

function judgeBootAgreement({ secureBoot: { level } }: SecurityReport, { device, evidence }: Appraisal): Finding[] {
  if (level === null) return [missing('SecureBoot.SecureBootLevel')]
  const attested = device?.properties && known(device.properties.secureBoot)
  const claimed = evidence.session?.claims?.secureBoot
  const reported = level === 'not supported' ? level : LEVELS[level]
  const isContradicted =
    (attested !== undefined && attested !== reported) || (claimed !== undefined && claimed !== 'unknown' && claimed !== reported)
  return isContradicted ? [{ code: 'BOOT_CONFLICT', detail: `reported: ${level}` }] : []
}

function judgeExternalBoot({ secureBoot: { externalBoot } }: SecurityReport, policy: Policy): Finding[] {
  if (policy.allowExternalBoot) return []
  return demand('SecureBoot.ExternalBootLevel', externalBoot === null ? null : externalBoot !== 'allowed', 'EXTERNAL_BOOT_ALLOWED')
}

function judgeManagement({ management }: SecurityReport, policy: Policy): Finding[] {
  if (management.isUserEnrollment === null) return [missing('ManagementStatus.IsUserEnrollment')]
  if (management.isUserEnrollment) return [{ code: 'USER_ENROLLMENT' }]
  if (!policy.requireApprovedEnrollment || management.enrolledViaDep === true) return []
  return demand('ManagementStatus.UserApprovedEnrollment', management.userApprovedEnrollment, 'ENROLLMENT_NOT_APPROVED')
}
