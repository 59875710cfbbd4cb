import { defineConfig } from 'vitest/config'

/** Whole appliances with their databases and Macs: one at a time, after everything else, so that none starves another. */
const JOURNEYS = ['test/journeys/**/*.test.ts', 'test/browser/**/*.test.ts']

const shared = {
  globalSetup: 'test/support/postgres-service.ts',
  pool: 'forks',
  // A colour code in a line that a test or a person searches for hides it.
  env: { NO_COLOR: '1' },
} as const

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...shared,
          name: 'parts',
          include: ['{server,mdm,agent,native,app,deploy,test}/**/*.test.{ts,tsx}'],
          exclude: JOURNEYS,
          testTimeout: 20_000,
          hookTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...shared,
          name: 'journeys',
          include: JOURNEYS,
          testTimeout: 60_000,
          hookTimeout: 240_000,
          maxWorkers: 1,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
