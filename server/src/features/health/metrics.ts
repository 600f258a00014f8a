import type { FastifyInstance } from 'fastify'
import type { CircuitHealth } from '../../ports/sms/port.ts'
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'

/** What `/metrics` tells, in Prometheus' text format. */
export interface Metrics {
  readonly contentType: string
  text(): Promise<string>
}

// From a cached answer to a queued Argon2 hash, in seconds.
const BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** What only its owner can tell, asked whenever somebody reads the metrics. */
export interface Gauged {
  readonly hashing: () => { readonly running: number; readonly waiting: number }
  readonly gateways: () => Readonly<Record<string, { readonly gateway: string; readonly operatorFault?: object }>>
  readonly circuits: () => readonly CircuitHealth[]
  readonly smsRefusals: () => ReadonlyMap<string, number>
}

export function collectMetrics(app: FastifyInstance, gauged: Gauged): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'latchkey_' })
  countRequests(app, registry)
  gaugeHashing(registry, gauged)
  gaugeSms(registry, gauged)
  return { contentType: registry.contentType, text: () => registry.metrics() }
}

/** Measures every request by route, never by URL, so that no id and no guess becomes a series. */
function countRequests(app: FastifyInstance, registry: Registry): void {
  const duration = new Histogram({
    name: 'latchkey_http_request_duration_seconds',
    help: 'Time to answer a request, by route, method and status.',
    labelNames: ['route', 'method', 'status'],
    buckets: BUCKETS,
    registers: [registry],
  })
  const refusals = new Counter({
    name: 'latchkey_refusals_total',
    help: 'Requests refused, by the code of the refusal.',
    labelNames: ['code'],
    registers: [registry],
  })
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none'
    duration.observe({ route, method: request.method, status: reply.statusCode }, reply.elapsedTime / 1000)
    if (reply.refusalCode) refusals.inc({ code: reply.refusalCode })
  })
}

function gaugeHashing(registry: Registry, { hashing }: Gauged): void {
  new Gauge({
    name: 'latchkey_password_hashes',
    help: 'Password hashes by state: running now, or waiting for one of these to end.',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      const { running, waiting } = hashing()
      this.set({ state: 'running' }, running)
      this.set({ state: 'waiting' }, waiting)
    },
  })
}

function gaugeSms(registry: Registry, { gateways, circuits, smsRefusals }: Gauged): void {
  new Gauge({
    name: 'latchkey_sms_gateway_up',
    help:
      'Each SMS gateway: 1 while it is asked, 0 while it is passed over for its failures or, being the only one, complains ' +
      'of what only the operator can mend.',
    labelNames: ['gateway'],
    registers: [registry],
    collect() {
      const several = circuits()
      const only = several.length === 0 ? gateways()['sms'] : undefined
      for (const { gateway, circuit } of several) this.set({ gateway }, circuit === 'open' ? 0 : 1)
      if (only) this.set({ gateway: only.gateway }, only.operatorFault ? 0 : 1)
    },
  })
  new Counter({
    name: 'latchkey_sms_refusals_total',
    help: 'Codes by SMS the firewall refused, or would have where it only observes, by reason.',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [reason, count] of smsRefusals()) this.inc({ reason }, count)
    },
  })
}
