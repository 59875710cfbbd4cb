/** A Mac's timeline, one sentence each in the console. Stored for ever: add members, never rename one. */
export type MacEvent =
  | { type: 'invited'; by: string }
  | { type: 'imported'; importId: string; by: string; pool: string | null }
  | { type: 'automated-enrollment-begun' }
  | { type: 'profile-issued' }
  | { type: 'acme-attested' }
  | { type: 'acme-refused'; reasons: string[] }
  | { type: 'identity-renewal-requested'; attempt: number }
  | { type: 'identity-renewal-given-up'; attempts: number; until: string }
  | { type: 'identity-renewed'; certificate: string }
  | { type: 'identity-revoked'; certificate: string; reason: string; by: string }
  | { type: 'external-profile-exported'; by: string }
  | { type: 'authenticated' }
  | { type: 'enrolled' }
  | { type: 'unenrolled' }
  | { type: 'ticket-delivered' }
  | { type: 'ticket-refused'; reason: 'MDM_SECRET_MISMATCH' }
  | { type: 'key-publication-requested' }
  | { type: 'key-proof-refused'; level: 'mdm-signed' | 'apple'; reason: string }
  | { type: 'key-bound'; keySha256: string; level?: 'ticket' | 'mdm-signed' | 'apple' }
  | { type: 'attestation-requested' }
  | { type: 'attestation-received'; evidence: string }
  | { type: 'reattestation-requested'; cause: string }
  | { type: 'reattestation-received'; evidence: string }
  | { type: 'reattestation-refused'; reasons: string[] }
  | { type: 'enrollment-superseded'; enrollment: string; by: string }
  | { type: 'reply-incomplete'; requestType: string; fault: string }
  | { type: 'security-info-received'; evidence: string }
  | { type: 'command-failed'; requestType: string; error: string }
  | { type: 'action-requested'; action: 'restart' | 'lock' | 'erase' | 'refresh'; by: string }
  | { type: 'action-acknowledged'; action: 'restart' | 'lock' | 'erase' }
  | { type: 'agent-connected' }
  | { type: 'agent-disconnected'; reason: string }
  | {
      type: 'verdict'
      trust: 'trusted' | 'refused'
      reasons: string[]
      /** What stood before; null: nothing. */
      was?: 'trusted' | 'refused' | null
      policyVersion?: number
      /** The verdict before was made under another version. */
      isUnderNewPolicy?: boolean
      /** Reason codes that only a waiver kept from counting. */
      waived?: string[]
      /** The reason to deal with first: the source that showed it, and when. */
      because?: { code: string; source: string; observedAt: string | null }
    }
  | { type: 'pool-changed'; from: string | null; to: string | null; policyVersion: number }
  | { type: 'quarantined'; reason: string }
  | { type: 'released'; by: string; note: string }
  | { type: 'revoked'; by: string }
