import type { FastifyRequest } from 'fastify'
import { sql } from 'kysely'
import { z } from 'zod'
import type { Database } from '../../database/schema.ts'
import type { App } from '../../http/server.ts'
import { Refusal } from '../../kernel/refusal.ts'
import type { CircuitHealth } from '../../ports/sms/port.ts'
import { collectMetrics } from './metrics.ts'

interface GatewayHealth {
  readonly gateway: string
  readonly operatorFault?: { readonly reason: string; readonly at: Date }
}

export interface HealthDeps {
  readonly db: Database
  /** How each channel's gateway fares; a complaint there is told, but does not make the server unready. */
  readonly gateways: () => Readonly<Record<string, GatewayHealth>>
  /** How each of several SMS gateways fares; empty where there are not several. */
  readonly circuits: () => readonly CircuitHealth[]
  /** The budget for SMS that keeps codes back; undefined while none does. */
  readonly smsBudget: () => { readonly budget: 'hour' | 'day'; readonly at: Date } | undefined
  /** How many codes by SMS were refused, by reason. */
  readonly smsRefusals: () => ReadonlyMap<string, number>
  readonly isStopping: () => boolean
  readonly hashing: () => { readonly running: number; readonly waiting: number }
  readonly metricsToken: string | undefined
  /** Equality that takes the same time wherever the first difference lies. */
  readonly isSame: (a: string, b: string) => boolean
}

const UNTHROTTLED = { access: { who: 'public', unthrottled: true } } as const

const gatewayHealth = z
  .object({
    gateway: z.string(),
    operator_fault: z
      .object({ reason: z.string(), at: z.string().meta({ format: 'date-time' }) })
      .optional()
      .meta({
        description: 'What it last complained of that only the operator can mend; gone once a message is sent.',
      }),
    circuits: z
      .array(
        z.object({
          gateway: z.string(),
          circuit: z.enum(['closed', 'open', 'half_open']),
          failures_in_a_row: z.int(),
          last_failure: z.object({ reason: z.string(), at: z.string().meta({ format: 'date-time' }) }).optional(),
        }),
      )
      .optional()
      .meta({
        description:
          'Where several gateways are tried in turn: how each fares in this process. An open one is passed over.',
      }),
  })
  .meta({ id: 'GatewayHealth' })

const readiness = z
  .object({
    status: z.enum(['ready', 'stopping', 'unavailable']),
    database: z.enum(['ok', 'unavailable']),
    gateways: z
      .object({ email: gatewayHealth.optional(), sms: gatewayHealth.optional() })
      .meta({ examples: [{ email: { gateway: 'smtp' }, sms: { gateway: 'kavenegar' } }] }),
    sms_budget_used_up: z
      .object({
        budget: z.enum(['hour', 'day']),
        at: z.string().meta({ format: 'date-time', examples: ['2026-11-22T12:00:00.000Z'] }),
      })
      .optional()
      .meta({ description: 'The budget that last kept a code by SMS back; gone once one was sent again.' }),
  })
  .meta({ id: 'Readiness' })

export function healthRoutes(app: App, deps: HealthDeps): void {
  app.get(
    '/healthz',
    {
      config: UNTHROTTLED,
      schema: {
        operationId: 'readHealth',
        tags: ['Operation'],
        summary: 'Whether the process is alive',
        description: 'Asks nothing of anything: for whoever restarts what hangs.',
        response: { 200: z.object({ status: z.literal('alive') }).meta({ id: 'Health' }) },
      },
    },
    () => ({ status: 'alive' as const }),
  )
  readinessRoute(app, deps)
  if (deps.metricsToken !== undefined) metricsRoute(app, deps, deps.metricsToken)
}

function readinessRoute(app: App, { db, gateways, circuits, smsBudget, isStopping }: HealthDeps): void {
  app.get(
    '/readyz',
    {
      config: UNTHROTTLED,
      schema: {
        operationId: 'readReadiness',
        tags: ['Operation'],
        summary: 'Whether the server can serve',
        description: 'Asks the database. A gateway in trouble is told, and leaves the server ready.',
        response: { 200: readiness, 503: readiness },
      },
    },
    async (request, reply) => {
      const isDatabaseOk = await answers(db, request)
      const status = isStopping() ? 'stopping' : isDatabaseOk ? 'ready' : 'unavailable'
      const usedUp = smsBudget()
      return reply.code(status === 'ready' ? 200 : 503).send({
        status,
        database: isDatabaseOk ? 'ok' : 'unavailable',
        gateways: toFields(gateways(), circuits()),
        ...(usedUp && { sms_budget_used_up: { ...usedUp, at: usedUp.at.toISOString() } }),
      })
    },
  )
}

const toFields = (gateways: Readonly<Record<string, GatewayHealth>>, circuits: readonly CircuitHealth[]) =>
  Object.fromEntries(
    Object.entries(gateways).map(([channel, { gateway, operatorFault }]) => [
      channel,
      {
        gateway,
        ...(operatorFault && { operator_fault: withText(operatorFault) }),
        ...(channel === 'sms' && circuits.length > 0 && { circuits: circuits.map(toCircuitFields) }),
      },
    ]),
  )

const toCircuitFields = ({ gateway, circuit, failuresInARow, lastFailure }: CircuitHealth) => ({
  gateway,
  circuit,
  failures_in_a_row: failuresInARow,
  ...(lastFailure && { last_failure: withText(lastFailure) }),
})

const withText = ({ reason, at }: { readonly reason: string; readonly at: Date }) => ({ reason, at: at.toISOString() })

async function answers(db: Database, request: FastifyRequest): Promise<boolean> {
  try {
    await sql`select 1`.execute(db)
    return true
  } catch (error) {
    request.log.error({ err: error }, 'the database does not answer')
    return false
  }
}

/** Only there with METRICS_TOKEN set; to anyone without it the path does not exist. */
function metricsRoute(app: App, deps: HealthDeps, token: string): void {
  const metrics = collectMetrics(app, deps)
  app.get('/metrics', { config: UNTHROTTLED, schema: { hide: true } }, async (request, reply) => {
    if (!deps.isSame(request.headers.authorization ?? '', `Bearer ${token}`))
      throw new Refusal('not_found', 'metrics: wrong token')
    return reply.type(metrics.contentType).send(await metrics.text())
  })
}
