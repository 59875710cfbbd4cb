import type { Appraisal } from '../appraisal.ts'
import type { Judged, Source } from '../checks.ts'
import { KEY_BINDING_LEVELS, type KeyBindingLevel } from '../policy.ts'
import type { Finding } from '../reasons.ts'
import { deviceSource } from './device.ts'

/** Item 3: the agent's signing key lives on this Mac, as far as the level of its binding shows. */
export const keyChecks = (appraisal: Appraisal): Judged[] => [checkBinding(appraisal), checkCommitted(appraisal)]

const HOW: Record<KeyBindingLevel, string> = {
  ticket: 'The agent proved a secret sent only over this Mac’s own MDM channel.',
  'mdm-signed': 'The Mac’s MDM client reported the agent’s key under its attested identity.',
  apple: 'Apple attested the agent’s own key.',
}

function checkBinding({ evidence: { binding, enrollment }, policy }: Appraisal): Judged {
  const source: Source = { name: 'Proof of the agent’s key', digest: undefined, observedAt: binding?.provedAt }
  const judged = {
    id: 'key-binding' as const,
    source,
    isAbsent: binding === undefined,
    good: binding === undefined ? '' : HOW[binding.level],
  }
  if (binding === undefined || binding.enrollmentId !== enrollment?.id) return { ...judged, findings: [{ code: 'AGENT_KEY_UNBOUND' }] }
  const isStrongEnough = KEY_BINDING_LEVELS.indexOf(binding.level) >= KEY_BINDING_LEVELS.indexOf(policy.minimumKeyBinding)
  return {
    ...judged,
    findings: isStrongEnough ? [] : [{ code: 'KEY_BINDING_TOO_WEAK', detail: `${binding.level}, ${policy.minimumKeyBinding} is required` }],
  }
}

function checkCommitted(appraisal: Appraisal): Judged {
  const { freshness, evidence, device } = appraisal
  const findings: Finding[] = []
  if (device === undefined) findings.push({ code: 'NO_ATTESTATION' })
  else if (evidence.binding === undefined) findings.push({ code: 'AGENT_KEY_UNBOUND' })
  else if (freshness.state === 'stale_key') findings.push({ code: 'STALE_KEY_BINDING' })
  else if (freshness.state === 'absent') findings.push({ code: 'FRESHNESS_MISSING' })
  else if (freshness.state === 'unknown') findings.push({ code: 'FRESHNESS_UNKNOWN' })
  return {
    id: 'key-committed',
    source: deviceSource(appraisal),
    findings,
    isAbsent: freshness.state !== 'stale_key',
    good: 'Apple’s attestation commits to the key that the agent now signs with.',
  }
}
