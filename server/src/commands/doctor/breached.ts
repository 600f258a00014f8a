import { BreachedUnfit, openBreached } from '../../features/passwords/service.ts'
import { fault, type Finding, ok } from './finding.ts'

const TOPIC = 'breached list'
const MEBIBYTE = 1024 * 1024

/** How many breached passwords are refused, and whether their file is whole. */
export async function inspectBreached(path: string): Promise<Finding> {
  try {
    const breached = await openBreached(path)
    if (!breached) return ok(TOPIC, 'none: `latchkey passwords import` has passwords of such a list refused')
    await breached.close()
    const { entries, bytes, changedAt } = breached
    const size = `${(bytes / MEBIBYTE).toFixed(1)} MiB`
    return ok(TOPIC, `${entries} breached passwords, imported ${changedAt.toISOString().slice(0, 10)}, ${size}`)
  } catch (error) {
    if (error instanceof BreachedUnfit) return fault(TOPIC, error.message)
    throw error
  }
}
