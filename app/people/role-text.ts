import type { Role } from '../api.ts'

/** What each role is for, for the person who gives it; the table of the page has every permission. */
export const ROLE_TEXT: Record<Role, string> = {
  owner: 'Does everything, and alone makes, changes and disables owners.',
  it_admin: 'Runs the fleet and the set-up, and manages everybody who is no owner.',
  security: 'Judges trust: evidence, policy, quarantine, revocation.',
  operator: 'Keeps the fleet working from day to day.',
  auditor: 'Reads everything that can be proved, and changes nothing.',
  viewer: 'Sees which Macs are trusted, and no more.',
}
