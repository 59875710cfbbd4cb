import { expect, test } from 'vitest'
import { describeJourney } from '../../mdm/testing/journey-suite.ts'
import { testDatabase } from '../../test/support/postgres.ts'
import { acmeIn } from './acme.ts'
import { enrollmentsIn } from './enrollments.ts'
import { mdmCommandsIn } from './mdm-commands.ts'

describeJourney('PostgreSQL', async () => {
  const { store, drop } = await testDatabase()
  return {
    enrollments: enrollmentsIn(store),
    commands: mdmCommandsIn(store),
    acme: acmeIn(store),
    ensureMac: async ({ macId, serial }) => {
      await store.mac.createMany({ data: [{ id: macId, serial, addedAt: new Date() }], skipDuplicates: true })
    },
    drop,
  }
})

test('the time of sending is stored as the instant that it was', async () => {
  const { store, drop } = await testDatabase()
  const at = new Date('2026-07-01T12:00:00.123Z')
  const later = new Date('2026-07-02T00:00:00Z')
  await store.mac.create({ data: { id: 'mac', serial: 'C02AAA', addedAt: at } })
  await enrollmentsIn(store).create({
    id: 'E',
    macId: 'mac',
    serial: 'C02AAA',
    linkHash: new Uint8Array(32),
    linkExpiresAt: later,
    createdAt: at,
  })
  const commands = mdmCommandsIn(store)
  const command = { id: 'C', enrollmentId: 'E', requestType: 'SecurityInfo', payload: new Uint8Array(1), dedupeKey: undefined }
  await commands.enqueue({ ...command, except: [], limit: 1, createdAt: at, expiresAt: later })
  await commands.takeNext('E', 'reply', at)
  expect((await store.mdmCommand.findUniqueOrThrow({ where: { id: 'C' } })).sentAt).toEqual(at)
  await drop()
})
