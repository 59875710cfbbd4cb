import { z } from 'zod'

/**
 * The parts of MDM SecurityInfo that a decision needs, read back from the JSON that
 * `mdm/commands/security-info.ts` makes of it; null: the Mac left it out. The Mac's own system says this of itself:
 * no proof, but it is compared with Apple's attestation and held against the policy.
 */
const Fact = z.boolean().nullable()

const SecurityReport = z.object({
  systemIntegrityProtectionEnabled: Fact,
  fileVaultEnabled: Fact,
  authenticatedRootVolumeEnabled: Fact,
  remoteDesktopEnabled: Fact,
  secureBoot: z.object({
    level: z.enum(['off', 'medium', 'full', 'not supported']).nullable(),
    externalBoot: z.enum(['allowed', 'disallowed', 'not supported']).nullable(),
  }),
  management: z.object({ enrolledViaDep: Fact, userApprovedEnrollment: Fact, isUserEnrollment: Fact }),
})
export type SecurityReport = z.infer<typeof SecurityReport>

/** Undefined where a part that matters is not there or has a value it cannot have. */
export function parseSecurityReport(report: unknown): SecurityReport | undefined {
  const parsed = SecurityReport.safeParse(report)
  return parsed.success ? parsed.data : undefined
}
