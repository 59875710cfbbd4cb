import { afterAll, beforeAll, expect, test } from 'vitest'
import { type SimulatedFleet, startSimulatedFleet, untilRoutable } from '../bench/fleet/fleet.ts'
import { WORK } from '../bench/fleet/mac.ts'
import { type Appliance, fleetStatus, startAppliance, until } from './support/appliance.ts'
import { query } from './support/database.ts'

/**
 * The outage rehearsal in small (test/bench/fleet does it with thousands): the coordinator dies under connected agents. Times are none
 * of this test's business; how many come back, and how much is asked of Apple at once, are.
 */
const MACS = 40
const CONCURRENCY = 4
const PATIENCE_MS = 120_000

let appliance: Appliance
let fleet: SimulatedFleet
beforeAll(async () => {
  appliance = await startAppliance({
    env: {
      ...{ ESPALIER_SOFTWARE_MACS: '0', ESPALIER_LOG_LEVEL: 'warn' },
      ...{ ESPALIER_REATTEST_CONCURRENCY: String(CONCURRENCY), ESPALIER_REATTEST_JITTER_SECONDS: '1' },
    },
  })
  fleet = await startSimulatedFleet(appliance, MACS)
  await fleet.invite(8)
  await fleet.enroll(8)
  await allRoutable()
}, 240_000)
afterAll(async () => {
  await fleet?.stop()
  await appliance?.close()
}, 60_000)

const allRoutable = () =>
  untilRoutable(
    appliance,
    MACS,
    PATIENCE_MS,
    () => `${JSON.stringify(fleet.counts())}\n${fleet.troubles().join('\n')}\n${appliance.output()}`,
  )

const reattestations = () => fleet.tally.counted(WORK.reattestation)

test('a short outage costs one challenge each: all are routable again, and Apple is asked nothing', { timeout: PATIENCE_MS }, async () => {
  const hellos = fleet.tally.counted(WORK.hello)
  await appliance.kill('SIGKILL')
  await appliance.restart()
  await allRoutable()
  expect(fleet.tally.counted(WORK.hello) - hellos).toBeGreaterThanOrEqual(MACS)
  expect(reattestations()).toBe(0)
})

test('after a long one every Mac is routable in its grace, and Apple is asked about all of them, never about more at once than configured', {
  timeout: 2 * PATIENCE_MS,
}, async () => {
  fleet.tally.forgetPeaks()
  await appliance.kill('SIGKILL')
  // What the database would say after five minutes, without waiting for them.
  await query(appliance, `UPDATE "ProofOfLife" SET "seenAt" = "seenAt" - interval '5 minutes'`)
  await appliance.restart()
  await allRoutable()
  await until(
    async () => reattestations() >= MACS && (await query(appliance, 'SELECT 1 FROM "Reattestation" LIMIT 1')).length === 0,
    PATIENCE_MS,
    () => `${reattestations()} of ${MACS} were asked\n${fleet.troubles().join('\n')}\n${appliance.output()}`,
  )
  expect(fleet.tally.peak(WORK.question)).toBeLessThanOrEqual(CONCURRENCY)
  expect((await fleetStatus(appliance)).every(({ trust }) => trust === 'trusted')).toBe(true)
})
