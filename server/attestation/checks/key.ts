import { type Appraisal, ageOf } from '../appraisal.ts'
import type { Judged, Source } from '../checks.ts'
import { judgeKeyAttestation } from '../platform-sso.ts'
import { KEY_BINDING_LEVELS, type KeyBindingLevel } from '../policy.ts'
import type { Finding } from '../reasons.ts'
import { deviceSource } from './device.ts'

/** Item 3: the agent's signing key lives on this Mac, as far as the level of its binding shows. */
export const keyChecks = (appraisal: Appraisal): Judged[] => [checkBinding(appraisal), checkEvidence(appraisal), checkCommitted(appraisal)]

const HOW: Record<KeyBindingLevel, string> = {
  ticket: 'The agent proved a secret sent only over this Mac’s own MDM channel.',
  'mdm-signed': 'The Mac’s MDM client reported the agent’s key under its attested identity.',
  apple: 'Apple attested the agent’s own key.',
}

function checkBinding({ evidence: { binding, enrollment }, policy, now }: Appraisal): Judged {
  const source: Source = { name: 'Proof of the agent’s key', digest: undefined, observedAt: binding?.provedAt }
  const judged = {
    id: 'key-binding' as const,
    source,
    isAbsent: binding === undefined,
    good: binding === undefined ? '' : HOW[binding.level],
  }
  if (binding === undefined || binding.enrollmentId !== enrollment?.id) return { ...judged, findings: [{ code: 'AGENT_KEY_UNBOUND' }] }
  if (ageOf(binding.provedAt, now).isAhead) return { ...judged, findings: [{ code: 'CLOCK_SKEW', detail: 'the proof’s' }] }
  // Another server's MDM channel proves nothing to us; there, only Apple's own word on the key counts.
  const minimum = enrollment.kind === 'external' ? 'apple' : policy.minimumKeyBinding
  const isStrongEnough = KEY_BINDING_LEVELS.indexOf(binding.level) >= KEY_BINDING_LEVELS.indexOf(minimum)
  return {
    ...judged,
    findings: isStrongEnough ? [] : [{ code: 'KEY_BINDING_TOO_WEAK', detail: `${binding.level}, ${minimum} is required` }],
  }
}

/** What a binding above `ticket` brings as evidence of its own. A ticket's proof is judged on its socket and leaves nothing to judge again. */
function checkEvidence({ evidence: { anchors, binding, enrollment, mac }, now }: Appraisal): Judged {
  const source: Source = { name: SOURCES[binding?.level ?? 'ticket'], digest: undefined, observedAt: binding?.provedAt }
  const judged = { id: 'key-evidence' as const, source, isAbsent: binding === undefined, good: 'The evidence of the binding holds.' }
  if (binding === undefined) return { ...judged, findings: [{ code: 'AGENT_KEY_UNBOUND' }] }
  switch (binding.level) {
    case 'ticket':
      return { ...judged, findings: [] }
    case 'mdm-signed': {
      const isNamed = binding.replyDigest.length === 32 && binding.signatureDigest.length === 32
      const findings: Finding[] = isNamed
        ? []
        : [{ code: 'AGENT_KEY_UNBOUND', detail: 'the signed report of its certificate is not named' }]
      return { ...judged, source: { ...source, digest: binding.replyDigest }, findings }
    }
    case 'apple': {
      const { agentKey, receivedAt } = binding
      if (ageOf(receivedAt, now).isAhead) return { ...judged, findings: [{ code: 'CLOCK_SKEW', detail: 'the key attestation’s' }] }
      const expected = { anchors, mac: mac.id, agentKey, serial: mac.serial, udid: enrollment?.provisioningUdid }
      return {
        ...judged,
        findings: judgeKeyAttestation(binding, expected),
        good: 'Apple attests that this key is in this Mac’s Secure Enclave.',
      }
    }
    default:
      return binding satisfies never
  }
}

const SOURCES: Record<KeyBindingLevel, string> = {
  ticket: 'Proof of the agent’s key',
  'mdm-signed': 'The Mac’s MDM client, signed by its attested identity (CertificateList)',
  apple: 'Apple, key attestation (Platform SSO)',
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
