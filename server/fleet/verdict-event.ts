import type { Check } from '../attestation/checks.ts'
import type { TrustDecision } from '../attestation/decide-trust.ts'
import type { MacEvent } from './events.ts'
import { explainReasons } from './explain-reasons.ts'

type VerdictEvent = Extract<MacEvent, { type: 'verdict' }>
type Last = { trust: string; policyVersion: number } | undefined

/**
 * A decision as an entry of the Mac's timeline, with what its sentence needs: what was before, by which policy, and where the reason
 * that should be dealt with first was seen. Pure.
 */
export function verdictEvent(decision: TrustDecision, last: Last, policyVersion: number): VerdictEvent {
  const reasons = decision.trust === 'refused' ? [...decision.reasons] : []
  const waived = waivedCodes(decision.checks)
  const because = decision.trust === 'refused' ? groundOf(decision.checks, reasons) : undefined
  return {
    type: 'verdict',
    trust: decision.trust,
    reasons,
    was: last === undefined ? null : last.trust === 'trusted' ? 'trusted' : 'refused',
    policyVersion,
    isUnderNewPolicy: last !== undefined && last.policyVersion !== policyVersion,
    ...(waived.length === 0 ? {} : { waived }),
    ...(because === undefined ? {} : { because }),
  }
}

/** The reasons that only a waiver kept from counting. */
export const waivedCodes = (checks: readonly Check[]): string[] => [...new Set(checks.flatMap((check) => check.waived))].sort()

function groundOf(checks: readonly Check[], reasons: readonly string[]): VerdictEvent['because'] {
  const code = explainReasons(reasons)[0]?.code
  const check = checks.find((one) => one.reasons.some((reason) => reason === code))
  return code === undefined || check === undefined ? undefined : { code, source: check.source, observedAt: check.observedAt }
}
