import { expect, test } from 'vitest'
import { newId, type SessionId } from '#protocol/ids'
import { agentKey, claims, MAC, NOW } from '../../test/support/trust-evidence.ts'
import { createLiveSessions } from './live-sessions.ts'

const session = newId<SessionId>('ses')
const other = newId<SessionId>('ses')
const later = (ms: number): Date => new Date(NOW.getTime() + ms)

test('a boot session is known since it was first heard of, across sessions of the agent, while it is heard every minute', async () => {
  const live = createLiveSessions()
  await live.answered(MAC, { session, agentKey, claims, at: NOW })
  live.closed(MAC, session)
  await live.answered(MAC, { session: other, agentKey, claims, at: later(60_000) })
  expect(live.find(MAC)).toMatchObject({ session: other, answeredAt: later(60_000), continuousSince: NOW })
  await live.answered(MAC, { session: other, agentKey, claims: { ...claims, bootSession: 'boot-2' }, at: later(120_000) })
  expect(live.find(MAC)?.continuousSince).toEqual(later(120_000))
})

test('the end or loss of a session that was displaced does not concern the one that displaced it', async () => {
  const live = createLiveSessions()
  await live.answered(MAC, { session, agentKey, claims, at: NOW })
  await live.answered(MAC, { session: other, agentKey, claims, at: later(1) })
  live.lost(MAC, session)
  live.closed(MAC, session)
  expect(live.find(MAC)).toMatchObject({ session: other, isLost: false })
  live.lost(MAC, other)
  expect(live.find(MAC)?.isLost).toBe(true)
  await live.answered(MAC, { session: other, agentKey, claims, at: later(2) })
  expect(live.find(MAC)?.isLost).toBe(false)
  live.closed(MAC, other)
  expect(live.find(MAC)).toBeUndefined()
})

test('a silence of more than a minute, another key or another boot session begins a new period', async () => {
  const live = createLiveSessions()
  const answer = { session, agentKey, claims, at: NOW }
  await live.answered(MAC, answer)
  live.heard(MAC, session, later(60_000))
  expect(live.find(MAC)?.continuousSince).toEqual(NOW)
  live.heard(MAC, session, later(120_001))
  expect(live.find(MAC)).toMatchObject({ continuousSince: later(120_001), earlierInterruptions: [NOW] })
  await live.answered(MAC, { ...answer, agentKey: new Uint8Array([1]), at: later(120_002) })
  expect(live.find(MAC)?.continuousSince).toEqual(later(120_002))
  live.attested(MAC, later(120_001))
  expect(live.find(MAC)?.earlierInterruptions).toEqual([])
})

test('what was heard in a future that a clock has gone back from bridges no silence', async () => {
  const live = createLiveSessions()
  await live.answered(MAC, { session, agentKey, claims, at: later(3600_000) })
  live.closed(MAC, session)
  await live.answered(MAC, { session: other, agentKey, claims, at: NOW })
  expect(live.find(MAC)?.continuousSince).toEqual(NOW)
  // What clocks of one installation may differ is no silence.
  await live.answered(MAC, { session: other, agentKey, claims, at: later(-5000) })
  expect(live.find(MAC)?.continuousSince).toEqual(NOW)
})

test('a heartbeat of a session that is not the Mac’s own counts for nothing', async () => {
  const live = createLiveSessions()
  await live.answered(MAC, { session, agentKey, claims, at: NOW })
  live.heard(MAC, other, later(50_000))
  await live.answered(MAC, { session, agentKey, claims, at: later(61_000) })
  expect(live.find(MAC)?.continuousSince).toEqual(later(61_000))
})

test('what another process has written down counts, and what is newer stands', async () => {
  const first = createLiveSessions()
  await first.answered(MAC, { session, agentKey, claims, at: NOW })
  const [proof] = first.takeUnsaved()
  expect(first.takeUnsaved()).toEqual([])
  const second = createLiveSessions(async () => proof)
  await second.answered(MAC, { session: other, agentKey, claims, at: later(60_000) })
  expect(second.find(MAC)?.continuousSince).toEqual(NOW)
})
