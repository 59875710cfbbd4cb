import type { Policy } from '../attestation/policy.ts'
import type { ReleaseRow } from '../store/releases.ts'

/** Whether Macs that run this release may serve under the policy. */
export const isAllowed = (policy: Policy, release: Pick<ReleaseRow, 'version' | 'codeHash' | 'teamId'>): boolean =>
  policy.releases.some(
    (allowed) =>
      allowed.agentVersion === release.version &&
      (allowed.codeHash === undefined || allowed.codeHash === release.codeHash) &&
      (allowed.teamId === undefined || allowed.teamId === release.teamId),
  )
