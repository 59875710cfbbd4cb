import { ALL_SCOPES, can, PERMISSIONS, ROLES, type Role } from '../auth/permissions.ts'
import type { Meta } from '../trpc/procedure.ts'
import { appRouter } from '../trpc/root.ts'
import { ROUTE_ACCESS, type RouteAccess } from './route-access.ts'

export type Procedure = { path: string; type: string; meta: Meta }

/** Every procedure of the console's API with what it asks for, in the order of their names. */
export function listProcedures(): Procedure[] {
  const all = appRouter._def.procedures as unknown as Record<string, { _def: { type: string; meta?: Meta } }>
  return Object.entries(all)
    .map(([path, { _def }]) => ({ path, type: _def.type, meta: _def.meta ?? {} }))
    .sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** Whether a procedure lets somebody in; `undefined` is somebody who is not signed in. Whatever names nothing lets nobody in. */
export function letsIn({ meta }: Pick<Procedure, 'meta'>, role: Role | undefined): boolean {
  if (meta.openTo !== undefined) return true
  return role !== undefined && meta.permission !== undefined && can(role, meta.permission)
}

const shownRole = (role: Role): string => role.replace('_', '-')

/** The table that is kept as `server/auth/access-matrix.md`: who may do what, at every procedure and every address. */
export function writeAccessMatrix(routes: readonly string[]): string {
  const sections = [HEAD, permissionTable(), procedureTable(), routeTable(routes), SOCKETS]
  return `${sections.join('\n\n')}\n`
}

const HEAD = `# Who may do what

Written by \`node deploy/espalier.mjs dev make-access-matrix\`; the tests fail when it is not what the code says. Whatever has no
row here is refused. “yes ↑” needs the password again within ten minutes (step-up).`

const YES = 'yes'
const NO = '·'

function permissionTable(): string {
  const rows = PERMISSIONS.map((permission) => [permission, ...ROLES.map((role) => (can(role, permission) ? YES : NO))])
  return `## Someone of this role may …\n\n${table(['permission', ...ROLES.map(shownRole)], rows)}`
}

function procedureTable(): string {
  const cell = (procedure: Procedure, role: Role | undefined): string => {
    if (!letsIn(procedure, role)) return NO
    return procedure.meta.stepUp === true ? `${YES} ↑` : YES
  }
  const rows = listProcedures().map((procedure) => [
    `\`${procedure.path}\``,
    procedure.meta.openTo ?? procedure.meta.permission ?? 'nobody',
    ...ROLES.map((role) => cell(procedure, role)),
    cell(procedure, undefined),
  ])
  return `## The console’s procedures (\`/trpc\`)\n\n${table(['procedure', 'needs', ...ROLES.map(shownRole), 'signed out'], rows)}`
}

function routeTable(routes: readonly string[]): string {
  const rows = routes.map((route) => {
    const access = Object.hasOwn(ROUTE_ACCESS, route) ? ROUTE_ACCESS[route] : undefined
    return [`\`${route}\``, describe(access), ...ALL_SCOPES.map((scope) => scopeCell(access, scope))]
  })
  return `## Addresses\n\n${table(['address', 'needs', ...ALL_SCOPES.map((scope) => `key: ${scope}`)], rows)}`
}

function describe(access: RouteAccess | undefined): string {
  switch (access?.needs) {
    case undefined:
      return 'NO ENTRY: name it in server/http/route-access.ts'
    case 'nothing':
      return `nothing: ${access.because}`
    case 'procedure':
      return 'as the procedure says'
    case 'session':
      return 'a session; without one, the sign-in page'
    case 'api-key':
      return access.or === undefined ? 'an API key' : `an API key, or ${access.or}`
    case 'proof':
      return access.of
    default:
      return access satisfies never
  }
}

const scopeCell = (access: RouteAccess | undefined, scope: string): string =>
  access?.needs === 'api-key' && access.scope === scope ? YES : NO

const SOCKETS = `## Sockets

| address | needs |
| --- | --- |
| \`/agent\` | a signed transcript by the key that is bound to this Mac; until it is bound, the session is told nothing and gets no work |`

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
