import { describe, expect, test } from 'vitest'
import { ALL_SCOPES, can, grantableScopes, PERMISSIONS, ROLES, type Role } from './permissions.ts'

describe('permissions', () => {
  test('the owner may do everything', () => {
    for (const permission of PERMISSIONS) expect(can('owner', permission)).toBe(true)
    expect(grantableScopes('owner')).toEqual(ALL_SCOPES)
  })

  test('everyone may manage their own sessions', () => {
    for (const role of ROLES) expect(can(role, 'sign in and manage their own sessions')).toBe(true)
  })

  test('only owners and IT admins bring Macs in', () => {
    expect(ROLES.filter((role) => can(role, 'invite Macs'))).toEqual(['owner', 'it_admin'])
  })

  test('an auditor reads evidence but changes nothing and sends no prompt', () => {
    const changes = [
      'invite Macs',
      'revoke Macs',
      'send inference requests',
      'manage their own API keys',
      'revoke everyone’s API keys',
    ] as const
    expect(can('auditor', 'read evidence')).toBe(true)
    for (const permission of changes) expect(can('auditor', permission)).toBe(false)
  })

  test('a viewer cannot grant a key the scope to infer', () => {
    expect(grantableScopes('viewer')).toEqual(['fleet:read'])
  })

  test('an unknown role may do nothing, nor does a name inherited from Object', () => {
    for (const role of ['root', 'toString', '__proto__', 'constructor']) expect(can(role as Role, 'read the fleet')).toBe(false)
  })
})

test('an auditor reads alerts and takes none out of others’ sight', () => {
  expect([can('auditor', 'read alerts'), can('auditor', 'acknowledge alerts')]).toEqual([true, false])
  expect(can('operator', 'acknowledge alerts')).toBe(true)
})
