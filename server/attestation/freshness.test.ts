import { describe, expect, test } from 'vitest'
import { utf8 } from '#protocol/bytes'
import { MacId } from '#protocol/ids'
import { attestationNonce } from '#protocol/statements'
import {
  agentKey,
  ago,
  DAY_MS,
  ENROLLMENT,
  HOUR_MS,
  MAC,
  otherAgentKey,
  preimage,
  sha256,
  TOKEN,
} from '../../test/support/trust-evidence.ts'
import { judgeAcmeFreshness, judgeDeviceFreshness } from './freshness.ts'
import type { Property } from './properties.ts'

const code = (value: Uint8Array): Property<Uint8Array> => ({ state: 'known', value, raw: value })

describe('ACME', () => {
  test('is fresh when the code is SHA-256 of the token’s characters', () => {
    expect(judgeAcmeFreshness(code(sha256(utf8(TOKEN))), TOKEN)).toBe('fresh')
  })

  test('is no match for the token itself, another token, or the token’s decoded bytes', () => {
    expect(judgeAcmeFreshness(code(utf8(TOKEN)), TOKEN)).toBe('mismatch')
    expect(judgeAcmeFreshness(code(sha256(utf8('other'))), TOKEN)).toBe('mismatch')
    expect(judgeAcmeFreshness(code(sha256(Buffer.from(TOKEN, 'base64url'))), TOKEN)).toBe('mismatch')
    expect(judgeAcmeFreshness(code(sha256(utf8(TOKEN)).subarray(0, 31)), TOKEN)).toBe('mismatch')
  })

  test.each(['missing', 'blank', 'duplicate'] as const)('is absent, never fresh, when the code is %s', (state) => {
    expect(judgeAcmeFreshness({ state }, TOKEN)).toBe('absent')
  })
})

describe('DeviceInformation', () => {
  const newest = preimage({ issuedAt: ago(2 * HOUR_MS) })
  const older = preimage({ issuedAt: ago(3 * DAY_MS) })
  const ofOtherKey = preimage({ issuedAt: ago(4 * DAY_MS), agentKey: otherAgentKey })
  const judge = (answered: Uint8Array, change: Partial<Parameters<typeof judgeDeviceFreshness>[0]> = {}) =>
    judgeDeviceFreshness({
      source: 'device_information',
      code: code(attestationNonce(answered)),
      preimages: [ofOtherKey, newest, older],
      mac: MAC,
      enrollmentId: ENROLLMENT,
      agentKey,
      receivedAt: ago(HOUR_MS),
      ...change,
    }).state

  test('is fresh for the last nonce sent before the answer', () => {
    expect(judge(newest)).toBe('fresh')
    expect(judge(older, { receivedAt: ago(2 * DAY_MS) })).toBe('fresh')
  })

  test('is cached for an earlier one of the same key', () => {
    expect(judge(older)).toBe('cached')
  })

  test('is stale for one of another key', () => {
    expect(judge(ofOtherKey)).toBe('stale_key')
    expect(judge(newest, { agentKey: otherAgentKey })).toBe('stale_key')
  })

  test('is unknown for a nonce never sent, sent to another Mac, under another enrollment, or later', () => {
    expect(judge(newest, { preimages: [older] })).toBe('unknown')
    expect(judge(newest, { mac: MacId.parse('mac_zzzzzzzzzzzzzzzzzzzz') })).toBe('unknown')
    expect(judge(newest, { enrollmentId: 'enr_2' })).toBe('unknown')
    expect(judge(newest, { receivedAt: ago(3 * HOUR_MS) })).toBe('unknown')
  })

  test('is unknown for the nonce hashed as ACME would, and for a part of it', () => {
    expect(judge(newest, { code: code(sha256(attestationNonce(newest))) })).toBe('unknown')
    expect(judge(newest, { code: code(attestationNonce(newest).subarray(0, 16)) })).toBe('unknown')
  })

  test.each(['missing', 'blank', 'duplicate'] as const)('is absent, never fresh, when the code is %s', (state) => {
    expect(judge(newest, { code: { state } })).toBe('absent')
  })
})
