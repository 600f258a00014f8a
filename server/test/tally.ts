import type { Reporter, TestModule } from 'vitest/node'

type Tally = Record<'passed' | 'failed' | 'skipped', number>

/**
 * Ends a run with one plain line, `N passed, N failed` and `, N skipped` where there are such. A file that does not load
 * counts as a failure, and so does each error that no test awaited: what makes the run fail is never a 0 here.
 */
export default class TallyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const tally: Tally = { passed: 0, failed: unhandledErrors.length, skipped: 0 }
    for (const module of modules) count(module, tally)
    const skipped = tally.skipped > 0 ? `, ${tally.skipped} skipped` : ''
    process.stdout.write(`${tally.passed} passed, ${tally.failed} failed${skipped}\n`)
  }
}

function count(module: TestModule, tally: Tally): void {
  const failedBefore = tally.failed
  for (const test of module.children.allTests()) {
    const { state } = test.result()
    tally[state === 'pending' ? 'failed' : state]++
  }
  // A file or a hook may fail where no test does.
  if (!module.ok() && tally.failed === failedBefore) tally.failed++
}
