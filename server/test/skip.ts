import type { TestContext } from 'vitest'

/** Skips the test this machine cannot run, aloud; in CI (the variable `CI` set) nothing is skipped and this throws. */
export function skipAloud(context: TestContext, reason: string): never {
  if (process.env['CI']) throw new Error(reason)
  console.warn(`skipped "${context.task.name}": ${reason}`)
  return context.skip(reason)
}
