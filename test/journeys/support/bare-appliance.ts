import { afterAll, beforeAll } from 'vitest'
import { type Appliance, startAppliance } from './appliance.ts'
import { type StartedFleet, startApple } from './fleet.ts'

/** For a test file: an appliance with the software Apple beside it and no Macs yet. What is put into `started` is stopped after. */
export function withBareAppliance(env: Record<string, string> = {}): { appliance(): Appliance; started: StartedFleet[] } {
  let appliance: Appliance | undefined
  const started: StartedFleet[] = []
  beforeAll(async () => {
    appliance = await startAppliance({ env: { ESPALIER_SOFTWARE_MACS: '0', ...env } })
    started.push(startApple(appliance))
  }, 180_000)
  afterAll(async () => {
    await Promise.all(started.map((child) => child.stop()))
    await appliance?.close()
  }, 60_000)
  return {
    started,
    appliance: () => {
      if (appliance === undefined) throw new TypeError('it starts before the first test')
      return appliance
    },
  }
}
