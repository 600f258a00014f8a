import { inspectLimits } from '../../compose/limiter.ts'
import type { Config } from '../../config.ts'
import { fault, type Finding, ok, warning } from './finding.ts'

/** Where requests are counted against their limits. */
export async function inspectCounting(config: Config): Promise<Finding> {
  const found = await inspectLimits(config)
  switch (found.kind) {
    case 'here':
      return ok('limits', `counted in the ${found.in}`)
    case 'failed':
      return fault('limits', `Redis at ${found.place} ${found.reason}: they are counted in the database meanwhile`)
    case 'counts':
      return found.evictsBy === undefined
        ? ok('limits', `counted in ${found.software} at ${found.place}`)
        : warning(
            'limits',
            `counted in ${found.software} at ${found.place}, which throws counts away when it is full ` +
              `(maxmemory-policy ${found.evictsBy}): set noeviction, and the database counts then`,
          )
  }
}
