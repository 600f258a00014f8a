import type { Siblings } from '../siblings.ts'
import type { Metrics } from './open.ts'

/** What `/metrics` tells, of all processes behind the port, and by which token; undefined where no token is set. */
export function metricsPage({ registry }: Metrics, token: string | undefined, siblings: Siblings | undefined) {
  if (token === undefined) return undefined
  const { contentType } = registry
  if (!siblings) return { token, contentType, text: () => registry.metrics() }
  siblings.metrics.answerWith(() => registry.getMetricsAsJSON())
  return { token, contentType, text: async () => addedUp(await siblings.metrics.gather()) }
}

/** By each metric's aggregator: counters are added up, what the database tells is the same for all. */
async function addedUp(measured: object[][]): Promise<string> {
  const { AggregatorRegistry } = await import('prom-client')
  return AggregatorRegistry.aggregate(measured).metrics()
}
