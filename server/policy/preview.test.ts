import { afterAll, beforeAll, expect, test } from 'vitest'
import { claims, deviceChain, HOUR_MS, parts, securityReport } from '../../test/support/trust-evidence.ts'
import type { TrustEvidence } from '../attestation/evidence.ts'
import { type PolicyHouse, startPolicyHouse } from './testing/policy-house.ts'

let house: PolicyHouse
let security: { id: string }
const newer: Partial<TrustEvidence> = {
  device: { ...parts.device, chain: deviceChain({ osVersion: '26.1' }) } as TrustEvidence['device'],
  session: { ...parts.session, claims: { ...claims, osVersion: '26.1' } },
}
const unencrypted: Partial<TrustEvidence> = {
  securityInfo: { ...parts.securityInfo, report: { ...securityReport, fileVaultEnabled: false } },
}
beforeAll(async () => {
  house = await startPolicyHouse()
  security = await house.person('security')
  for (const name of ['one', 'two', 'three']) await house.mac({}, { name })
  await house.mac({ session: undefined }, { name: 'asleep' })
  await house.mac(newer, { name: 'new' })
  await house.mac(unencrypted, { name: 'open' })
})
afterAll(() => house.close())

test('counts who would lose trust and why, the sleeping too, and names them', async () => {
  const { impact, changes, lowersTrust, done, total } = await house.preview({ change: { minimumOs: '26.0' } }, security)
  expect([done, total, lowersTrust]).toEqual([6, 6, false])
  expect(impact).toMatchObject({ judged: 6, before: 5, after: 1, loses: 4, losesAsleep: 1, gains: 0 })
  expect(impact?.because).toMatchObject([{ code: 'OS_TOO_OLD', macs: 4 }])
  expect(impact?.losing.map(({ name }) => name).sort()).toEqual(['asleep', 'one', 'three', 'two'])
  expect(impact?.sentence).toBe(
    '4 of 6 Macs would lose trust, 1 of them asleep now, because: The attested macOS is older than the policy allows (4).',
  )
  expect(changes).toEqual([{ effect: 'raises', sentence: 'macOS 26.0 or later is required. Before: macOS 14.2 or later is required.' }])
})

test('counts who would gain it', async () => {
  const { impact } = await house.preview({ change: { requireFileVault: false } }, security)
  expect(impact).toMatchObject({ loses: 0, gains: 1, gaining: [{ name: 'open', reasons: ['FDE_OFF'] }] })
  expect(impact?.sentence).toBe('No Mac would lose trust. 1 Mac would gain trust.')
})

test('judges each Mac in the pool that it would be in', async () => {
  const mac = house.macs[0]?.id ?? ''
  const pools = [{ name: 'vault', rules: { minimumOs: '26.0' } }]
  expect((await house.preview({ change: { pools } }, security)).impact).toMatchObject({ loses: 0 })
  const { impact, changes } = await house.preview({ change: { pools }, moves: [{ mac, pool: 'vault' }] }, security)
  expect(impact).toMatchObject({ loses: 1, losing: [{ name: 'one' }] })
  expect(changes.map(({ sentence }) => sentence)).toContain('1 Mac goes from no pool to pool “vault”.')
})

test('leaves everything as it was, and is kept for a day', async () => {
  const before = house.policies.digest()
  const { id } = await house.preview({ change: { allowRdma: true } }, security)
  expect([house.policies.digest(), house.appraised]).toEqual([before, []])
  house.clock.advance(25 * HOUR_MS)
  await house.service.settle()
  await expect(house.desk.getPreview(id)).rejects.toMatchObject({ code: 'not_found' })
})

test('whose process has died is shown as failed', async () => {
  const { id } = await house.preview({ change: { allowRdma: true } }, security)
  await house.store.policyPreview.update({ where: { id }, data: { state: 'running' } })
  expect((await house.desk.getPreview(id)).state).toBe('running')
  house.clock.advance(3 * 60_000)
  expect((await house.desk.getPreview(id)).state).toBe('failed')
  await expect(house.desk.propose({ preview: id, reason: 'x' }, security)).rejects.toMatchObject({ code: 'conflict' })
})

test('refuses a third at once', async () => {
  const { draft } = await house.desk.getPolicy()
  const start = () => house.desk.startPreview({ draft: { ...draft, allowRdma: true }, moves: [] }, security)
  const started = await Promise.allSettled([start(), start(), start(), start()])
  expect(started.filter(({ status }) => status === 'rejected').length).toBeGreaterThanOrEqual(1)
})

test('production refuses a policy for Macs made of software before it judges anything', async () => {
  const strict = await startPolicyHouse({ mode: 'production' })
  const admin = await strict.person('security')
  await expect(strict.preview({ change: { allowEvaluation: true } }, admin)).rejects.toMatchObject({ code: 'invalid_request' })
  await strict.close()
})
