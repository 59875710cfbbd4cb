/** What each scope lets a key do, for the person who grants it. */
export const SCOPE_TEXT: Record<string, string> = {
  inference: 'Send prompts and receive answers',
  'models:read': 'List the models served now',
  'fleet:read': 'Read which Macs are trusted, and why the others are not',
  'evidence:read': 'Read Apple’s raw certificate chains, which hold serial numbers',
  'fleet:enroll': 'Invite and enroll Macs',
  'keys:write': 'Create and revoke keys',
  'reports:read': 'Export compliance reports',
}
