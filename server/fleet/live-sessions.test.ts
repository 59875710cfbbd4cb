import { expect, test } from 'vitest'
import { newId, type SessionId } from '#protocol/ids'
import { agentKey, claims, MAC, NOW } from '../../test/support/trust-evidence.ts'
import { createLiveSessions } from './live-sessions.ts'

const session = newId<SessionId>('ses')
const other = newId<SessionId>('ses')
const later = (ms: number): Date => new Date(NOW.getTime() + ms)

test('a boot session is known since it was first heard of, across sessions of the agent', () => {
  const live = createLiveSessions()
  live.answered(MAC, { session, agentKey, claims, at: NOW })
  live.closed(MAC, session)
  live.answered(MAC, { session: other, agentKey, claims, at: later(60_000) })
  expect(live.find(MAC)).toMatchObject({ session: other, answeredAt: later(60_000), bootSince: NOW })
  live.answered(MAC, { session: other, agentKey, claims: { ...claims, bootSession: 'boot-2' }, at: later(120_000) })
  expect(live.find(MAC)?.bootSince).toEqual(later(120_000))
})

test('the end or loss of a session that was displaced does not concern the one that displaced it', () => {
  const live = createLiveSessions()
  live.answered(MAC, { session, agentKey, claims, at: NOW })
  live.answered(MAC, { session: other, agentKey, claims, at: later(1) })
  live.lost(MAC, session)
  live.closed(MAC, session)
  expect(live.find(MAC)).toMatchObject({ session: other, isLost: false })
  live.lost(MAC, other)
  expect(live.find(MAC)?.isLost).toBe(true)
  live.answered(MAC, { session: other, agentKey, claims, at: later(2) })
  expect(live.find(MAC)?.isLost).toBe(false)
  live.closed(MAC, other)
  expect(live.find(MAC)).toBeUndefined()
})
