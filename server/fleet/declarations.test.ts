import { describe, expect, test } from 'vitest'
import type { Declaration } from '../../mdm/ddm/declaration.ts'
import type { StatusItems } from '../../mdm/ddm/status-report.ts'
import { chooseDeclarations, needsTelling } from './declarations.ts'

const file = { url: 'https://espalier.example/x', sha256: 'ab'.repeat(32), sizeBytes: 1 }
const agentTask = { taskType: 'dev.espalier.agent', description: 'Agent', executable: file, launchd: file }
const capabilities = (payloads: StatusItems): StatusItems => ({ management: { 'client-capabilities': { 'supported-payloads': payloads } } })

const choose = (osVersion: string | undefined, status?: StatusItems, task: typeof agentTask | undefined = undefined) =>
  chooseDeclarations({ osVersion, status }, { agentTask: task })

const itemsOf = (declarations: Declaration[] | undefined): string[] => {
  const subscription = declarations?.find(({ identifier }) => identifier === 'dev.espalier.status')
  return ((subscription?.payload.StatusItems ?? []) as { Name: string }[]).map(({ Name }) => Name)
}

describe('which declarations a Mac gets', () => {
  test.each(['12.7', undefined, 'unknown'])('none under macOS %s', (osVersion) => expect(choose(osVersion)).toBeUndefined())

  test('status items that its macOS knows', () => {
    expect(itemsOf(choose('13.6'))).not.toContain('diskmanagement.filevault.enabled')
    expect(itemsOf(choose('14.2'))).toContain('diskmanagement.filevault.enabled')
    expect(itemsOf(choose('26.1'))).not.toContain('device.system.health')
    expect(itemsOf(choose('27.0'))).toEqual(expect.arrayContaining(['device.system.health', 'mdm.enrollment-type']))
  })
  test('what the Mac says that it knows counts before the version of its system', () => {
    const said = capabilities({ 'status-items': ['mdm.app', 'device.identifier.udid', 'unheard-of'] })
    expect(itemsOf(choose('14.2', said))).toEqual(['device.identifier.udid', 'mdm.app'])
  })
  test('push token and PushMagic are never asked for', () => {
    const said = capabilities({ 'status-items': ['mdm.push-token', 'mdm.push-magic', 'device.identifier.udid'] })
    expect(itemsOf(choose('27.0', said))).toEqual(['device.identifier.udid'])
  })
  test('the agent’s background task from macOS 15 on, and only while there is a release of it', () => {
    const has = (declarations: Declaration[] | undefined) => declarations?.some(({ identifier }) => identifier === agentTask.taskType)
    expect(has(choose('15.5'))).toBe(false)
    expect(has(choose('15.5', undefined, agentTask))).toBe(true)
    expect(has(choose('14.7', undefined, agentTask))).toBe(false)
    expect(has(choose('15.5', capabilities({ declarations: { configurations: [] } }), agentTask))).toBe(false)
  })
  test('every configuration stands in the one activation', () => {
    const declarations = choose('15.5', undefined, agentTask)
    expect(declarations?.at(-1)?.payload).toEqual({ StandardConfigurations: ['dev.espalier.status', 'dev.espalier.agent'] })
  })
})

describe('a Mac is told of its declarations', () => {
  const now = new Date('2026-11-02T09:00:00Z')
  const ago = (hours: number) => new Date(now.getTime() - hours * 3600_000)
  test.each([
    ['never told', { fetchedToken: null, toldToken: null, toldAt: null }, true],
    ['fetched them', { fetchedToken: 'T', toldToken: 'T', toldAt: ago(1) }, false],
    ['fetched them long ago', { fetchedToken: 'T', toldToken: 'T', toldAt: ago(999) }, false],
    ['fetched others', { fetchedToken: 'S', toldToken: 'S', toldAt: ago(1) }, true],
    ['told an hour ago', { fetchedToken: 'S', toldToken: 'T', toldAt: ago(1) }, false],
    ['told, and did not come within a day', { fetchedToken: 'S', toldToken: 'T', toldAt: ago(25) }, true],
  ])('%s: %s → %s', (_, state, expected) => expect(needsTelling(state, 'T', now)).toBe(expected))
})
