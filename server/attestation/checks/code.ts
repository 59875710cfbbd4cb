import type { Claims } from '#protocol/frames'
import type { Appraisal } from '../appraisal.ts'
import type { CheckId, Judged, Source } from '../checks.ts'
import type { Policy } from '../policy.ts'
import type { Finding } from '../reasons.ts'

/** Item 4: what the agent says of itself. Policy, never proof: Apple attests the device, not the program that runs on it. */
export function codeChecks(appraisal: Appraisal): Judged[] {
  const { policy } = appraisal
  return [
    checkClaims(appraisal, 'release', 'The agent reports a release on the allow-list (policy, not proof).', (claims) =>
      judgeRelease(claims, policy),
    ),
    checkClaims(appraisal, 'platform', 'The agent reports a real Mac.', (claims) => judgePlatform(claims, policy)),
    checkClaims(appraisal, 'rdma', 'The agent reports that RDMA is off.', (claims) =>
      claims.rdmaEnabled && !policy.allowRdma ? [{ code: 'RDMA_ENABLED' }] : [],
    ),
    checkSealing(appraisal),
  ]
}

export const claimsSource = ({ evidence: { session } }: Appraisal): Source => ({
  name: 'The agent, signed by its key',
  digest: undefined,
  observedAt: session?.claims === undefined ? undefined : session.lastAnsweredAt,
})

function checkClaims(appraisal: Appraisal, id: CheckId, good: string, judge: (claims: Claims) => Finding[]): Judged {
  const { session } = appraisal.evidence
  const source = claimsSource(appraisal)
  if (session === undefined) return { id, source, findings: [{ code: 'NO_SESSION' }], isAbsent: true, good }
  if (session.claims === undefined) return { id, source, findings: [{ code: 'CODE_UNKNOWN' }], isAbsent: true, good }
  const mood = session.claims.platform === 'software' && id === 'platform' ? { mood: 'info' as const } : {}
  return {
    id,
    source,
    findings: judge(session.claims),
    good: 'mood' in mood ? 'This Mac is made of software, for evaluation.' : good,
    ...mood,
  }
}

function judgeRelease(claims: Claims, policy: Policy): Finding[] {
  const isAllowed = policy.releases.some(
    (release) =>
      release.agentVersion === claims.agentVersion &&
      (release.codeHash === undefined || release.codeHash === claims.codeHash) &&
      (release.teamId === undefined || release.teamId === claims.teamId),
  )
  return isAllowed ? [] : [{ code: 'RELEASE_NOT_ALLOWED', detail: `version ${claims.agentVersion}` }]
}

const judgePlatform = (claims: Claims, policy: Policy): Finding[] =>
  claims.platform === 'software' && !policy.allowEvaluation ? [{ code: 'SOFTWARE_MAC' }] : []

/** Decides nothing: an agent publishes its sealing key once it is trusted, and what cannot be sealed is never sent. */
function checkSealing(appraisal: Appraisal): Judged {
  const keys = appraisal.evidence.session?.claims?.sealingKeys.length ?? 0
  return {
    id: 'sealing',
    source: claimsSource(appraisal),
    findings: [],
    mood: 'info',
    good:
      keys > 0
        ? 'Requests are sealed to a key that only the agent’s process holds.'
        : 'The agent has published no sealing key yet; it gets no requests until then.',
  }
}
