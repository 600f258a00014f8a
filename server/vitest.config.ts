import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // Every core: much of what a test waits for is no work of its own process, but a database's, a browser's, a server's.
    maxWorkers: '100%',
    globalSetup: ['test/postgres-setup.ts'],
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // A hang is told, and a machine ten times as loaded as ours fails nothing: twenty hashes at once are seconds there.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    typecheck: { enabled: false },
    reporters: ['default', './test/tally.ts'],
  },
})
