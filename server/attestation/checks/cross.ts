import { type Appraisal, ageOf } from '../appraisal.ts'
import type { CheckId, Judged, Source } from '../checks.ts'
import { conflictFindings } from '../contradiction.ts'
import type { Policy } from '../policy.ts'
import type { Finding, ReasonCode } from '../reasons.ts'
import type { SecurityReport } from '../security-report.ts'
import { claimsSource } from './code.ts'

/**
 * Item 7: what the Mac reports over MDM agrees with Apple, and meets the policy. Self-reported: it can only count against it.
 * A Mac in another server's management reports nothing to us. There Apple's word is held against the agent's alone, and what the policy
 * requires beyond it is unknown: each such item refuses under its own code, so that it takes a waiver, or a policy that does not ask.
 */
export function crossChecks(appraisal: Appraisal): Judged[] {
  const { policy } = appraisal
  const check = (id: CheckId, good: string, judge: Judge) => checkReport(appraisal, id, good, judge)
  return [
    checkPresence(appraisal),
    check('sip-agrees', 'The Mac says the same of SIP as Apple.', (report) => [
      ...(report?.systemIntegrityProtectionEnabled === null ? [missing('SystemIntegrityProtectionEnabled')] : []),
      ...conflictFindings(appraisal, 'SIP_CONFLICT'),
    ]),
    check('boot-agrees', 'The Mac says the same of Secure Boot as Apple.', (report) => [
      ...(report?.secureBoot.level === null ? [missing('SecureBoot.SecureBootLevel')] : []),
      ...conflictFindings(appraisal, 'BOOT_CONFLICT'),
    ]),
    checkSystem(appraisal),
    check('filevault', 'FileVault is on, or not required.', (report) =>
      policy.requireFileVault ? demand('FDE_Enabled', report?.fileVaultEnabled, 'FDE_OFF') : [],
    ),
    check('authenticated-root', 'The system volume is authenticated, or need not be.', (report) =>
      policy.requireAuthenticatedRoot ? demand('AuthenticatedRootVolumeEnabled', report?.authenticatedRootVolumeEnabled, 'ARV_OFF') : [],
    ),
    check('external-boot', 'The Mac does not start from external media, or may.', (report) => judgeExternalBoot(report, policy)),
    check('remote-desktop', 'Remote management is off, or allowed.', (report) =>
      policy.allowRemoteDesktop ? [] : demand('RemoteDesktopEnabled', report && negated(report.remoteDesktopEnabled), 'REMOTE_DESKTOP_ON'),
    ),
    check('management', 'The Mac is enrolled as a device, with approval.', (report) => judgeManagement(report, policy)),
  ]
}

/** `undefined`: another MDM server gets the report, not we. */
type Judge = (report: SecurityReport | undefined) => Finding[]

const sourceOf = ({ evidence: { securityInfo } }: Appraisal): Source => ({
  name: 'The Mac’s own report (MDM SecurityInfo)',
  digest: securityInfo?.evidenceDigest,
  observedAt: securityInfo?.receivedAt,
})

const reportsElsewhere = ({ evidence }: Appraisal): boolean =>
  evidence.enrollment?.kind === 'external' && evidence.securityInfo === undefined

function checkPresence(appraisal: Appraisal): Judged {
  const { securityInfo } = appraisal.evidence
  const judged = { id: 'security-info' as const, source: sourceOf(appraisal), good: 'The Mac has reported its security settings lately.' }
  if (reportsElsewhere(appraisal)) {
    return { ...judged, findings: [], good: 'Another MDM server gets its report; what only that would say is unknown here.', mood: 'info' }
  }
  if (securityInfo === undefined) return { ...judged, findings: [{ code: 'SECURITYINFO_MISSING' }], isAbsent: true }
  if (appraisal.report === undefined)
    return { ...judged, findings: [{ code: 'SECURITYINFO_INCOMPLETE', detail: 'it cannot be understood' }] }
  const { ageMs, isAhead } = ageOf(securityInfo.receivedAt, appraisal.now)
  if (isAhead) return { ...judged, findings: [{ code: 'CLOCK_SKEW', detail: 'the report’s' }] }
  return { ...judged, findings: ageMs >= appraisal.policy.maxSecurityInfoAgeMs ? [{ code: 'SECURITYINFO_STALE' }] : [] }
}

function checkReport(appraisal: Appraisal, id: CheckId, good: string, judge: Judge): Judged {
  const source = sourceOf(appraisal)
  const { report } = appraisal
  if (report !== undefined || reportsElsewhere(appraisal)) return { id, source, findings: judge(report), good }
  const code = appraisal.evidence.securityInfo === undefined ? 'SECURITYINFO_MISSING' : 'SECURITYINFO_INCOMPLETE'
  return { id, source, findings: [{ code }], isAbsent: true, good }
}

function checkSystem(appraisal: Appraisal): Judged {
  const findings = conflictFindings(appraisal, 'OS_CONFLICT')
  return { id: 'os-agrees', source: claimsSource(appraisal), findings, good: 'The agent reports no older macOS than Apple attested.' }
}

/** A fact that must be there and be true. Null: the Mac left it out. Undefined: its report goes elsewhere. */
function demand(name: string, fact: boolean | null | undefined, otherwise: ReasonCode): Finding[] {
  if (fact === undefined) return [{ code: otherwise, detail: 'unknown, since another MDM server manages this Mac' }]
  if (fact === null) return [missing(name)]
  return fact ? [] : [{ code: otherwise }]
}

const missing = (name: string): Finding => ({ code: 'SECURITYINFO_INCOMPLETE', detail: name })

const negated = (fact: boolean | null): boolean | null => (fact === null ? null : !fact)

function judgeExternalBoot(report: SecurityReport | undefined, policy: Policy): Finding[] {
  if (policy.allowExternalBoot) return []
  const externalBoot = report?.secureBoot.externalBoot
  return demand('SecureBoot.ExternalBootLevel', externalBoot == null ? externalBoot : externalBoot !== 'allowed', 'EXTERNAL_BOOT_ALLOWED')
}

function judgeManagement(report: SecurityReport | undefined, policy: Policy): Finding[] {
  const management = report?.management
  // Where nothing is reported, Apple's leaf speaks: it names serial number and UDID of devices only, never of a user's enrollment.
  if (management?.isUserEnrollment === null) return [missing('ManagementStatus.IsUserEnrollment')]
  if (management?.isUserEnrollment === true) return [{ code: 'USER_ENROLLMENT' }]
  const isAutomated = management?.enrolledViaDep
  const findings = policy.requireAutomatedEnrollment
    ? demand('ManagementStatus.EnrolledViaDEP', isAutomated, 'ENROLLMENT_NOT_AUTOMATED')
    : []
  if (!policy.requireApprovedEnrollment || isAutomated === true) return findings
  const isApproved = management?.userApprovedEnrollment
  return [...findings, ...demand('ManagementStatus.UserApprovedEnrollment', isApproved, 'ENROLLMENT_NOT_APPROVED')]
}
