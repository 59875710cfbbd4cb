import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isOlderVersion, Policy } from './policy.ts'
import { describeReason, REASON_CODES } from './reasons.ts'

test('the defaults are the strict ones', () => {
  expect(Policy.parse({ version: 1, releases: [] })).toMatchObject({
    allowEvaluation: false,
    minimumOs: '14.2',
    requireFileVault: true,
    requireAuthenticatedRoot: true,
    allowExternalBoot: false,
    allowRemoteDesktop: false,
    allowRdma: false,
    waivers: [],
  })
})

test('refuses what it does not know', () => {
  expect(Policy.safeParse({ version: 1, releases: [], requireFilevault: false }).success).toBe(false)
  expect(Policy.safeParse({ version: 1 }).success).toBe(false)
})

test.each([
  ['14.1', '14.2', true],
  ['14.2', '14.2', false],
  ['14.2.0', '14.2', false],
  ['14', '14.2', true],
  ['14.10', '14.2', false],
  ['15', '14.2', false],
  ['13.99.99', '14.2', true],
])('%s before %s: %s', (version, minimum, isOlder) => {
  expect(isOlderVersion(version, minimum)).toBe(isOlder)
})

test('of two versions at most one is older', () => {
  const version = fc.array(fc.nat(99), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('.'))
  fc.assert(fc.property(version, version, (a, b) => !(isOlderVersion(a, b) && isOlderVersion(b, a))))
})

test('every reason has a sentence and a remedy in words', () => {
  for (const code of REASON_CODES) {
    expect(code).toMatch(/^[A-Z][A-Z_]+$/)
    expect(describeReason(code).sentence).toMatch(/^[A-Z].*\.$/)
    expect(describeReason(code).remedy).toMatch(/[.)]$/)
  }
})

test('nothing about device identity, boot, channel or key can be waived', () => {
  const waivable = REASON_CODES.filter((code) => describeReason(code).isWaivable)
  expect(waivable).toEqual([
    'OS_TOO_OLD',
    'PROPERTY_UNKNOWN',
    'RELEASE_NOT_ALLOWED',
    'RDMA_ENABLED',
    'FDE_OFF',
    'ARV_OFF',
    'EXTERNAL_BOOT_ALLOWED',
    'REMOTE_DESKTOP_ON',
    'ENROLLMENT_NOT_AUTOMATED',
    'ENROLLMENT_NOT_APPROVED',
  ])
})
