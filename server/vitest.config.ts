import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // Every core: much of what a test waits for is no work of its own process, but a database's, a browser's, a server's.
    maxWorkers: '100%',
    globalSetup: ['test/postgres-setup.ts'],
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // Long enough for a loaded two-core machine, short enough that a hang is told before anyone wonders.
    testTimeout: 20_000,
    hookTimeout: 20_000,
    typecheck: { enabled: false },
    reporters: ['default', './test/tally.ts'],
  },
})
