import { defineConfig } from 'vitest/config'
import base from './vitest.config.ts'

// Read by every file's process: each world is then on a PostgreSQL database of its own.
process.env['TEST_DATABASE'] = 'postgres'

/** What is asked of the whole server, on PostgreSQL. What is about SQLite or about no database is left out. */
export default defineConfig({
  test: {
    ...base.test,
    // Twenty rounds of twenty at once wait for each other's rows, statement by statement.
    testTimeout: 180_000,
    include: ['src/features/**/*.test.ts', 'src/http/**/*.test.ts', 'src/ports/limiter/**/*.test.ts'],
  },
})
