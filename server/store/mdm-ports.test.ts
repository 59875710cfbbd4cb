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
