/** A Mac's timeline, one sentence each in the console. Stored for ever: add members, never rename one. */
export type MacEvent =
  | { type: 'invited'; by: string }
  | { type: 'profile-issued' }
  | { type: 'acme-attested' }
  | { type: 'acme-refused'; reasons: string[] }
  | { type: 'authenticated' }
  | { type: 'enrolled' }
  | { type: 'unenrolled' }
  | { type: 'ticket-delivered' }
  | { type: 'key-bound'; keySha256: string }
  | { type: 'attestation-requested' }
  | { type: 'attestation-received'; evidence: string }
  | { type: 'reply-incomplete'; requestType: string; fault: string }
  | { type: 'security-info-received'; evidence: string }
  | { type: 'command-failed'; requestType: string; error: string }
  | { type: 'agent-connected' }
  | { type: 'agent-disconnected'; reason: string }
  | { type: 'verdict'; trust: 'trusted' | 'refused'; reasons: string[] }
  | { type: 'quarantined'; reason: string }
  | { type: 'revoked'; by: string }
