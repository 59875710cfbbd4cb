const NAMES: Record<string, string> = {
  owner: 'Owner',
  it_admin: 'IT-admin',
  security: 'Security',
  operator: 'Operator',
  auditor: 'Auditor',
  viewer: 'Viewer',
}

export const roleName = (role: string): string => NAMES[role] ?? role
