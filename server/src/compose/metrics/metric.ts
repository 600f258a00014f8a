/** One metric, as it is exposed and as `docs/metrics.md` explains it. */
export interface Metric {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly labels: readonly string[]
  /** A sentence, for `# HELP` and for the page. */
  readonly help: string
  /** How the processes of one server are put together; not given: added up. What the database tells is the same for all. */
  readonly aggregator?: 'max' | 'min' | 'first'
  readonly alert?: Alert
}

/** A rule worth being woken, or at least told, for. */
export interface Alert {
  readonly name: string
  /** PromQL. */
  readonly expr: string
  readonly for: string
  readonly severity: 'page' | 'ticket'
  /** What it means and where to look. */
  readonly summary: string
}
