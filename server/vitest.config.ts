import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // One more than there are cores: much of what a test waits for is a timer, a disk, a browser or a server, and no core's work.
    maxWorkers: availableParallelism() + 1,
    globalSetup: ['test/postgres-setup.ts'],
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // A hang is told, and a machine ten times as loaded as ours fails nothing: twenty hashes at once are seconds there.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    typecheck: { enabled: false },
    reporters: ['default', './test/tally.ts'],
  },
})
