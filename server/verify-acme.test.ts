import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newId } from '#protocol/ids'
import type { VerifyAttestation } from '../mdm/ports.ts'
import { encodeCbor } from '../test/software-mac/mac/cbor.ts'
import { type TestDatabase, testDatabase } from '../test/support/postgres.ts'
import { acmeChain, ago, HOUR_MS, SERIAL, TOKEN } from '../test/support/trust-evidence.ts'
import { anchors } from './fleet/testing/fleet-house.ts'
import { acmeVerifier } from './verify-acme.ts'

const clock = { now: () => ago(HOUR_MS) }
const macId = newId('mac')
let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
  await database.store.mac.create({ data: { id: macId, serial: SERIAL, addedAt: clock.now() } })
  const link = { linkHash: new Uint8Array(32), linkExpiresAt: clock.now(), createdAt: clock.now() }
  await database.store.enrollment.create({ data: { id: 'enr_1', macId, state: 'profile_issued', ...link } })
})
afterAll(() => database.drop())

const attObj = encodeCbor({ fmt: 'apple', attStmt: { x5c: acmeChain() } })
const verify = (change: Partial<Parameters<VerifyAttestation>[0]> = {}, allowEvaluation = true) =>
  acmeVerifier({ store: database.store, clock, anchors, allowEvaluation })({
    ...{ attObj, token: TOKEN, enrollmentId: 'enr_1', purpose: 'enrollment' },
    ...change,
  })

test('an attestation for the invited Mac and this token gives its key and its digest', async () => {
  const verdict = await verify()
  expect(verdict).toMatchObject({ ok: true, evidenceDigest: new Uint8Array(createHash('sha256').update(attObj).digest()) })
})

test('refuses another token', async () => {
  expect(await verify({ token: 'another' })).toEqual({ ok: false, reasons: ['FRESHNESS_MISMATCH'] })
})

test('refuses an enrollment that does not exist', async () => {
  expect(await verify({ enrollmentId: 'enr_2' })).toEqual({ ok: false, reasons: ['NOT_ENROLLED'] })
})

test('refuses another Mac’s attestation', async () => {
  const other = encodeCbor({ fmt: 'apple', attStmt: { x5c: acmeChain({ serial: 'OTHERMAC0001' }) } })
  expect(await verify({ attObj: other })).toEqual({ ok: false, reasons: ['SERIAL_MISMATCH'] })
})

test('refuses the evaluation root where evaluation is not allowed', async () => {
  expect(await verify({}, false)).toEqual({ ok: false, reasons: ['TEST_ROOT_IN_PRODUCTION'] })
})

test('names each reason once', async () => {
  const verdict = await verify({ attObj: encodeCbor({ fmt: 'apple', attStmt: { x5c: [new Uint8Array([1]), new Uint8Array([2])] } }) })
  expect(verdict.ok ? [] : verdict.reasons).toEqual([...new Set(verdict.ok ? [] : verdict.reasons)])
  expect(verdict.ok).toBe(false)
})

test('refuses a Mac that has been revoked since', async () => {
  await database.store.mac.update({ where: { id: macId }, data: { revokedAt: clock.now() } })
  expect(await verify()).toEqual({ ok: false, reasons: ['MAC_REVOKED'] })
})
