import { expect, test } from 'vitest'
import { ago, DAY_MS, NOW, parts, policy, securityReport, trustedEvidence } from '../../test/support/trust-evidence.ts'
import { decideTrust } from '../attestation/decide-trust.ts'
import type { MacEvent } from './events.ts'
import { timelineSentence } from './timeline-sentence.ts'
import { verdictEvent } from './verdict-event.ts'

const say = (event: MacEvent) => timelineSentence(event, NOW)
const verdict = (rest: Partial<Extract<MacEvent, { type: 'verdict' }>>): MacEvent => ({
  type: 'verdict',
  trust: 'refused',
  reasons: [],
  ...rest,
})

test('trust lost names the reason, who said so and how long ago', () => {
  const because = {
    code: 'SIP_DISABLED',
    source: 'Apple, device attestation (DeviceInformation)',
    observedAt: ago(3 * 60_000).toISOString(),
  }
  expect(say(verdict({ reasons: ['SIP_DISABLED'], was: 'trusted', policyVersion: 1, because }))).toEqual({
    tone: 'bad',
    sentence: 'Lost trust because System Integrity Protection is off (attested by Apple 3 min ago)',
  })
})

test('trust lost to mere absence is no alarm, and several reasons are counted', () => {
  const because = { code: 'NO_SESSION', source: 'The agent, signed by its key', observedAt: null }
  expect(say(verdict({ reasons: ['NO_SESSION'], was: 'trusted', because }))).toEqual({
    tone: 'neutral',
    sentence: 'Lost trust because the agent is not connected (said by the agent)',
  })
  expect(say(verdict({ reasons: ['FDE_OFF', 'SIP_DISABLED'], was: 'trusted' })).sentence).toBe(
    'Lost trust because System Integrity Protection is off, and for 1 more reason',
  )
})

test('a new policy is named where it changed or kept a verdict', () => {
  const under = { isUnderNewPolicy: true, policyVersion: 7 }
  expect(say(verdict({ reasons: ['OS_TOO_OLD'], was: 'trusted', ...under })).sentence).toBe(
    'Lost trust under policy version 7 because the attested macOS is older than the policy allows',
  )
  expect(say(verdict({ reasons: ['FDE_OFF'], was: 'refused', ...under })).sentence).toBe(
    'Still refused under policy version 7: FileVault is off.',
  )
  expect(say(verdict({ trust: 'trusted', was: 'refused', ...under }))).toEqual({
    tone: 'good',
    sentence: 'Became trusted under policy version 7',
  })
  expect(say(verdict({ trust: 'trusted', was: 'trusted', ...under })).sentence).toBe('Still trusted under policy version 7')
  expect(say(verdict({ trust: 'trusted', was: 'trusted', waived: ['FDE_OFF'] })).sentence).toBe(
    'Trust renewed, with a waiver of “FileVault is off”',
  )
})

test('a move to another pool, and an event of a later version', () => {
  expect(say({ type: 'pool-changed', from: null, to: 'lab', policyVersion: 3 }).sentence).toBe(
    'Moved from no pool to pool “lab”, by policy version 3',
  )
  expect(say({ type: 'of-the-future' } as unknown as MacEvent)).toEqual({ tone: 'neutral', sentence: 'of-the-future' })
})

test('a real decision becomes an event with its ground: the source that showed the first reason, and when', () => {
  const off = { securityInfo: { ...parts.securityInfo, report: { ...securityReport, fileVaultEnabled: false } } }
  const decision = decideTrust(trustedEvidence(off), policy, NOW)
  expect(verdictEvent(decision, { trust: 'trusted', policyVersion: 1 }, 1)).toEqual({
    type: 'verdict',
    trust: 'refused',
    reasons: ['FDE_OFF'],
    was: 'trusted',
    policyVersion: 1,
    isUnderNewPolicy: false,
    because: {
      code: 'FDE_OFF',
      source: 'The Mac’s own report (MDM SecurityInfo)',
      observedAt: parts.securityInfo.receivedAt.toISOString(),
    },
  })
})

test('a waiver in use is in the event', () => {
  const off = { securityInfo: { ...parts.securityInfo, report: { ...securityReport, fileVaultEnabled: false } } }
  const waiver = {
    ...{ id: 'wvr_00000000000000000000', code: 'FDE_OFF' as const, scope: { kind: 'all' as const }, why: 'lab' },
    ...{ from: ago(DAY_MS).toISOString(), until: ago(-DAY_MS).toISOString() },
  }
  const decision = decideTrust(trustedEvidence(off), { ...policy, waivers: [waiver] }, NOW)
  expect(verdictEvent(decision, undefined, 2)).toMatchObject({ trust: 'trusted', was: null, waived: ['FDE_OFF'], isUnderNewPolicy: false })
})

test('what a person asked of the Mac, and that the Mac took it', () => {
  const by = 'user:usr_1'
  expect(say({ type: 'action-requested', action: 'lock', by }).sentence).toBe('A person asked to lock this Mac')
  expect(say({ type: 'action-requested', action: 'refresh', by }).sentence).toBe('Asked by a person to show its state anew')
  expect(say({ type: 'action-acknowledged', action: 'erase' })).toEqual({ tone: 'neutral', sentence: 'Acknowledged the order to erase' })
})
