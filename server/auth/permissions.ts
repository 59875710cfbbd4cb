/**
 * Who may do what: the whole of it. A permission reads as the end of the sentence "someone with this role may …".
 * Whatever is not listed for a role is refused.
 */
export const ROLES = ['owner', 'it_admin', 'security', 'operator', 'auditor', 'viewer'] as const
export type Role = (typeof ROLES)[number]

export const PERMISSIONS = [
  'sign in and manage their own sessions',
  'read the fleet',
  'read evidence',
  'invite Macs',
  'import the inventory',
  'revoke Macs',
  'release Macs from quarantine',
  'refresh a Mac’s attestation',
  'restart, lock or erase Macs',
  'read the policy',
  'propose a policy',
  'approve a policy',
  'manage agent releases',
  'read the set-up',
  'change the set-up',
  'manage the push certificate',
  'manage Apple Business',
  'read people',
  'manage people',
  'read alerts',
  'acknowledge alerts',
  'send inference requests',
  'manage their own API keys',
  'read everyone’s API keys',
  'revoke everyone’s API keys',
  'read reports',
] as const
export type Permission = (typeof PERMISSIONS)[number]

const MAY = {
  owner: PERMISSIONS,
  it_admin: PERMISSIONS,
  security: [
    'sign in and manage their own sessions',
    'read the fleet',
    'read evidence',
    'revoke Macs',
    'release Macs from quarantine',
    'refresh a Mac’s attestation',
    'read the policy',
    'propose a policy',
    'approve a policy',
    'manage agent releases',
    'read the set-up',
    'read people',
    'read alerts',
    'acknowledge alerts',
    'send inference requests',
    'manage their own API keys',
    'read everyone’s API keys',
    'revoke everyone’s API keys',
    'read reports',
  ],
  operator: [
    'sign in and manage their own sessions',
    'read the fleet',
    'refresh a Mac’s attestation',
    'read the policy',
    'read alerts',
    'acknowledge alerts',
    'send inference requests',
    'manage their own API keys',
  ],
  auditor: [
    'sign in and manage their own sessions',
    'read the fleet',
    'read evidence',
    'read the policy',
    'read the set-up',
    'read people',
    'read alerts',
    'read everyone’s API keys',
    'read reports',
  ],
  viewer: ['sign in and manage their own sessions', 'read the fleet'],
} as const satisfies Record<Role, readonly Permission[]>

/** `can(role, 'read the fleet')`; false for anything unknown. */
export function can(role: Role, permission: Permission): boolean {
  const granted: readonly Permission[] | undefined = Object.hasOwn(MAY, role) ? MAY[role] : undefined
  return granted?.includes(permission) ?? false
}

/**
 * "Someone of this role may invite, change and disable people who are …": only owners make, change and disable owners, and nobody
 * gives a role that reaches further than their own.
 */
const MAY_MANAGE: Partial<Record<Role, readonly Role[]>> = {
  owner: ROLES,
  it_admin: ['it_admin', 'security', 'operator', 'auditor', 'viewer'],
}

/** The roles that someone of this role may give and take away. */
export const manageableRoles = (by: Role): Role[] =>
  can(by, 'manage people') ? ROLES.filter((role) => (Object.hasOwn(MAY_MANAGE, by) ? MAY_MANAGE[by] : [])?.includes(role)) : []

/** "Only owners say which roles need a second factor." */
export const maySetSecondFactorRules = (by: Role): boolean => by === 'owner'

/** What an API key may be allowed to do, and the permission that its owner must hold for the scope to count. */
export const SCOPE_NEEDS = {
  inference: 'send inference requests',
  'models:read': 'send inference requests',
  'fleet:read': 'read the fleet',
  'evidence:read': 'read evidence',
  'fleet:enroll': 'invite Macs',
  'keys:write': 'manage their own API keys',
  'reports:read': 'read reports',
} as const satisfies Record<string, Permission>

export type Scope = keyof typeof SCOPE_NEEDS
export const ALL_SCOPES = Object.keys(SCOPE_NEEDS) as readonly Scope[] as readonly [Scope, ...Scope[]]

export const isScope = (word: string): word is Scope => Object.hasOwn(SCOPE_NEEDS, word)

/** The scopes that someone of this role may put on a key; a key whose owner loses a permission loses the scope with it. */
export const grantableScopes = (role: Role): Scope[] => ALL_SCOPES.filter((scope) => can(role, SCOPE_NEEDS[scope]))
