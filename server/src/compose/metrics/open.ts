import type { FastifyInstance } from 'fastify'
import type { Registry } from 'prom-client'
import type { Clock } from '../../kernel/clock.ts'
import type { Count, Counted } from '../../kernel/count.ts'
import type { RefusalCode } from '../../kernel/refusal.ts'
import { VERSION } from '../../kernel/version.ts'
import { createReasons } from './reason.ts'
import { createInstruments, type Instruments } from './registry.ts'
import { type Sources, watch } from './sources.ts'

/** What a server tells of itself in Prometheus' words. */
export interface Metrics {
  /** The only one; a process that gathers several puts theirs together by the `aggregator` of each metric. */
  readonly registry: Registry
  readonly count: Count
  refused(code: RefusalCode, reason: string): void
  /** Measures every request by route, never by path, so that no id and no guess becomes a series. */
  measure(app: FastifyInstance): void
  /** From now on scrapes ask these too. */
  watch(sources: Sources): void
}

export async function openMetrics(clock: Clock): Promise<Metrics> {
  const instruments = await createInstruments()
  const lastRuns = new Map<string, Date>()
  const reasonOf = createReasons()
  const { count, observe, registry } = instruments
  instruments.atScrape('latchkey_build_info', (set) => set(1, { version: VERSION, node: process.version }))
  instruments.atScrape('latchkey_timed_job_last_run_timestamp_seconds', (set) => {
    for (const [job, at] of lastRuns) set(at.getTime() / 1000, { job })
  })
  return {
    registry,
    count(what, labels, by = 1) {
      COUNTERS[what](instruments, labels, by)
      if ('job' in labels && labels.outcome === 'done') lastRuns.set(labels.job, clock.now())
    },
    refused: (code, reason) => count('latchkey_refusals_total', { code, reason: reasonOf(code, reason) }),
    measure(app) {
      app.addHook('onResponse', (request, reply, done) => {
        const labels = { route: request.routeOptions.url ?? 'none', method: request.method, status: reply.statusCode }
        observe('latchkey_http_request_duration_seconds', labels, reply.elapsedTime / 1000)
        done()
      })
    },
    watch: (sources) => watch(instruments, sources),
  }
}

type Counters = {
  readonly [What in keyof Counted]: (instruments: Instruments, labels: Counted[What], by: number) => void
}

// The prices are in ten-thousandths.
const UNIT = 10_000

const COUNTERS: Counters = {
  event({ count }, labels) {
    count('latchkey_events_total', labels)
    if (labels.event === 'registered' && labels.result === 'success') count('latchkey_sign_ups_total')
    if (labels.event === 'refresh_token_reused') count('latchkey_refresh_reuse_total')
  },
  sign_in: ({ count }, labels) => count('latchkey_sign_ins_total', labels),
  second_factor: ({ count }, labels) => count('latchkey_second_factors_total', labels),
  delivery: ({ count }, labels, by) => count('latchkey_deliveries_total', labels, by),
  proof_of_work: ({ count }, labels) => count('latchkey_proof_of_work_total', labels),
  sms_decision: ({ count }, labels) => count('latchkey_sms_decisions_total', labels),
  sms_spent: ({ count }, labels, by) => count('latchkey_sms_spent_total', labels, by / UNIT),
  timed_job: ({ count }, labels) => count('latchkey_timed_jobs_total', labels),
}
