import type { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Metric } from './metric.ts'
import { type MetricName, METRICS } from './table.ts'

export type Labels = Readonly<Record<string, string | number>>

/** Sets the gauge, or raises the counter, while a scrape asks. */
export type Collect = (set: (value: number, labels?: Labels) => void) => void | Promise<void>

/** The metrics of the table, all in one registry of their own. */
export interface Instruments {
  readonly registry: Registry
  count(name: MetricName, labels?: Labels, by?: number): void
  observe(name: MetricName, labels: Labels, value: number): void
  /** What `collect` gives at a scrape replaces what was there. */
  atScrape(name: MetricName, collect: Collect): void
}

// From a cached answer to a queued Argon2 hash, in seconds.
const BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Loads prom-client, which a server that tells no metrics does without. */
export async function createInstruments(): Promise<Instruments> {
  const prom = await import('prom-client')
  const registry = new prom.Registry()
  prom.collectDefaultMetrics({ register: registry, prefix: 'latchkey_' })
  const counters = new Map<string, Counter>()
  const histograms = new Map<string, Histogram>()
  const collectors = new Map<string, Collect>()

  function define(name: string, { type, labels, help, aggregator }: Metric): void {
    const common = { name, help, labelNames: labels, registers: [registry], ...(aggregator && { aggregator }) }
    const collect = collecting(labels, () => collectors.get(name))
    if (type === 'gauge') new prom.Gauge({ ...common, collect })
    else if (type === 'counter') counters.set(name, new prom.Counter({ ...common, collect }))
    else histograms.set(name, new prom.Histogram({ ...common, buckets: BUCKETS }))
  }
  for (const [name, metric] of Object.entries(METRICS)) define(name, metric)

  return {
    registry,
    count: (name, labels = {}, by = 1) => counters.get(name)!.inc(labels, by),
    observe: (name, labels, value) => histograms.get(name)!.observe(labels, value),
    atScrape: (name, collect) => void collectors.set(name, collect),
  }
}

/** What prom-client calls on a metric at a scrape. */
const collecting = (labelNames: readonly string[], ask: () => Collect | undefined) =>
  async function (this: Counter | Gauge): Promise<void> {
    const collect = ask()
    if (!collect) return
    const values: [number, Labels][] = []
    await collect((value, labels = {}) => values.push([value, labels]))
    // At once, so that a scrape at the same time sees all of them or those before.
    // Without labels a reset would leave a 0 behind where nothing is to be told.
    if (labelNames.length === 0) this.remove()
    else this.reset()
    for (const [value, labels] of values) this.inc(labels, value)
  }
