import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['{server,mdm,agent,native,app,deploy,test}/**/*.test.{ts,tsx}'],
    globalSetup: 'test/support/postgres-service.ts',
    pool: 'forks',
    testTimeout: 20_000,
    hookTimeout: 30_000,
    // A colour code in a line that a test or a person searches for hides it.
    env: { NO_COLOR: '1' },
  },
})
