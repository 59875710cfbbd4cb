import { afterEach, beforeEach, expect, test } from 'vitest'
import { countQueries } from '../../test/support/count-queries.ts'
import { findLatestVerdict, listLatestVerdicts, listTrustedMacs } from '../store/verdicts.ts'
import { judgeTrustedAgain } from './judge-again.ts'
import { type FleetHouse, startFleetHouse } from './testing/fleet-house.ts'
import { enrollMac, type FleetMac } from './testing/fleet-mac.ts'

let house: FleetHouse
let macs: FleetMac[]
beforeEach(async () => {
  house = await startFleetHouse()
  macs = []
  for (const serial of ['C02AGAIN1', 'C02AGAIN2']) {
    const mac = await enrollMac(house, serial)
    await mac.becomeTrusted()
    macs.push(mac)
  }
}, 60_000)
afterEach(() => house.close())

test('of the Macs that the last run trusted only those are judged that have not come back', async () => {
  const [back, missing] = macs as [FleetMac, FleetMac]
  expect(new Set(await listTrustedMacs(house.store))).toEqual(new Set([back.id, missing.id]))
  const judged: string[] = []
  const live = { find: (mac: string) => (mac === back.id ? ({} as never) : undefined) }
  const appraiser = { appraise: async (mac: string) => void judged.push(mac) }
  await judgeTrustedAgain({ store: house.store, live, appraiser, afterMs: 0 }, AbortSignal.timeout(10_000))
  expect(judged).toEqual([missing.id])
  await judgeTrustedAgain({ store: house.store, live, appraiser, afterMs: 60_000 }, AbortSignal.abort())
  expect(judged).toEqual([missing.id])
})

test('the newest verdict of each Mac is read in one statement, without the checks that it rests on', async () => {
  const { store, asked } = countQueries(house.store)
  const latest = await listLatestVerdicts(store)
  expect(asked()).toBe(1)
  expect(latest.map(({ macId }) => macId).toSorted()).toEqual(macs.map(({ id }) => id).toSorted())
  for (const verdict of latest) {
    expect(verdict).not.toHaveProperty('checks')
    const { checks: _, ...whole } = (await findLatestVerdict(house.store, verdict.macId as FleetMac['id'])) ?? { checks: undefined }
    expect(whole).toMatchObject(verdict)
  }
})
