import cors, { type FastifyCorsOptions } from '@fastify/cors'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyTypeProvider,
  LogController,
} from 'fastify'
import type { z } from 'zod'
import type { Act } from '../kernel/act.ts'
import type { Language } from '../kernel/language.ts'
import type { Random } from '../kernel/random.ts'
import { Refusal, type RefusalCode } from '../kernel/refusal.ts'
import type { Tracing } from '../kernel/tracing.ts'
import { translate, type TextId, type TextValues } from '../kernel/texts.ts'
import { acceptOnlyJson, requireJson } from './body.ts'
import { clientAddressOf, trustIn } from './client-address.ts'
import { securityHeaders } from './headers.ts'
import { targetOf, watchMethods } from './methods.ts'
import { closeUnread } from './pipelines.ts'
import { languageOf, type ProblemOptions, sendProblem, toRefusal } from './problem.ts'
import { warnOfUntrustedProxies } from './proxies.ts'
import { brokenRequestAnswerer, ignoreUnknownExpectations, refuseAmbiguousTarget } from './strict-request.ts'
import { createRequestIds } from './request-id.ts'
import { inTraceOf, traceRequests } from './tracing.ts'
import { serializerCompiler, validatorCompiler } from './validation.ts'

export interface ServerOptions extends ProblemOptions {
  readonly logger: FastifyBaseLogger
  readonly random: Random
  readonly trustedProxies: readonly string[]
  readonly corsOrigins: readonly string[]
  /** Links are https: browsers are told to stay there. */
  readonly https: boolean
  /** Told of each refusal, a bare 500 too. */
  readonly onRefusal?: ((code: RefusalCode, reason: string) => void) | undefined
  /** Undefined where nobody follows requests. */
  readonly tracing?: Tracing | undefined
}

declare module 'fastify' {
  interface FastifyRequest {
    /** A text in the reader's language. */
    say(id: TextId, values?: TextValues): string
    /** The language the client reads: the user's own, else what the client asks for, else the operator's choice. */
    language(): Language
    /** Where the client is: the socket's address, or what a trusted proxy says. */
    clientAddress(): string
    /** By whom and from where this request is. */
    act(): Act
  }
}

/** What a handler gets is what its schema parses to, and what it gives is what its schema writes. */
interface ZodTypes extends FastifyTypeProvider {
  readonly validator: this['schema'] extends z.ZodType ? z.output<this['schema']> : unknown
  readonly serializer: this['schema'] extends z.ZodType ? z.output<this['schema']> : unknown
}

/** An app whose routes validate by Zod. */
export type App = FastifyInstance<
  import('node:http').Server,
  import('node:http').IncomingMessage,
  import('node:http').ServerResponse,
  FastifyBaseLogger,
  ZodTypes
>

const KIB = 1024
const MAX_BODY = 16 * KIB

export interface Server {
  readonly app: App
  /** To be called once, after the last route: declares what the paths answer to the methods they lack. */
  readonly completeMethods: () => void
}

/** A server that takes only what we mean to take and answers every failure as a problem. Routes come after. */
export async function createServer(options: ServerOptions): Promise<Server> {
  const { logger } = options
  const headers = securityHeaders(options)
  const newRequestId = createRequestIds(options.random)
  const app = Fastify({
    loggerInstance: logger,
    // One line a request, written by us: Fastify's own two hold the URL, and a query may hold an address.
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }),
    bodyLimit: MAX_BODY,
    // What still comes on a connection while we close is answered as ever, not with Fastify's own bare 503.
    return503OnClosing: false,
    requestTimeout: 15_000,
    // A connection on which nothing moves, such as one whose peer does not read its answer. Longer than any work of ours.
    connectionTimeout: 60_000,
    maxRequestsPerSocket: 1000,
    // Node looks for late requests only so often; every half minute, its default, would make 10 seconds 40.
    http: {
      maxHeaderSize: 16 * KIB,
      headersTimeout: 10_000,
      requireHostHeader: false,
      connectionsCheckingInterval: 1000,
    },
    trustProxy: trustIn(options.trustedProxies),
    genReqId: newRequestId,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 200 },
    exposeHeadRoutes: true,
    rewriteUrl: targetOf,
    clientErrorHandler: brokenRequestAnswerer({
      logger,
      language: options.defaultLanguage,
      headers,
      newRequestId,
      baseUrl: () => options.urls.publicUrl ?? options.urls.localUrl(),
      onRefusal: options.onRefusal,
    }),
    // No hook runs for these: a path that is no UTF-8, or too long in one segment.
    frameworkErrors: (error, request, reply) => {
      void reply.headers(headers).header('x-request-id', request.id)
      void refuse(options, error, request, reply)
    },
  }).withTypeProvider<ZodTypes>()
  if (options.tracing) traceRequests(app, options.tracing)
  ignoreUnknownExpectations(app.server)
  closeUnread(app.server)
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  acceptOnlyJson(app)
  decorateRequests(app, options)
  addHeaders(app, headers)
  warnOfUntrustedProxies(app, options.trustedProxies)
  logRequests(app)
  answerFailures(app, options)
  await allowOrigins(app, options.corsOrigins)
  return { app, completeMethods: watchMethods(app) }
}

function decorateRequests(app: App, options: ServerOptions): void {
  app.decorateRequest('language', function (this: FastifyRequest) {
    return languageOf(options, this)
  })
  app.decorateRequest('say', function (this: FastifyRequest, id: TextId, values?: TextValues) {
    return translate(this.language(), id, values)
  })
  app.decorateRequest('act', actOfRequest)
  app.decorateRequest('clientAddress', function (this: FastifyRequest) {
    return clientAddressOf(this)
  })
}

/** By whom and from where a request is, for the record of what it does. */
function actOfRequest(this: FastifyRequest): Act {
  const known = this.caller ?? this.candidate
  return {
    actor: known ? { kind: 'user', userId: known.userId } : { kind: 'anonymous' },
    ip: this.clientAddress(),
    userAgent: this.headers['user-agent'] ?? '',
    requestId: this.id,
  }
}

function addHeaders(app: App, headers: Readonly<Record<string, string>>): void {
  app.addHook('onRequest', async (request, reply) => {
    void reply.headers(headers).header('x-request-id', request.id)
    refuseAmbiguousTarget(request)
  })
  app.addHook('preParsing', async (request) => {
    // Before the body, whose kind is nobody's business where nobody is.
    if (request.is404) throw noSuchPath()
    if (request.method !== 'GET' && request.method !== 'HEAD') requireJson(request)
  })
  app.addHook('onSend', (_, reply, payload, done) => {
    // JSON has no charset (RFC 8259 §11), and the origin's answers name none; Fastify adds one.
    if (reply.getHeader('content-type') === 'application/json; charset=utf-8') void reply.type('application/json')
    done(null, payload)
  })
}

const noSuchPath = () => new Refusal('not_found', 'no such path')

/** One line a request: the route and not the URL, whose query may hold an address. */
function logRequests(app: App): void {
  app.addHook('onResponse', async (request, reply) => {
    request.log.info(
      {
        method: request.method,
        route: request.routeOptions.url ?? 'none',
        status: reply.statusCode,
        milliseconds: Math.round(reply.elapsedTime),
        from: request.clientAddress(),
      },
      'answered',
    )
  })
}

function answerFailures(app: App, options: ServerOptions): void {
  app.setErrorHandler((error, request, reply) => inTraceOf(request, () => refuse(options, error, request, reply)))
  // Only so that the hooks run for an unknown path; one of them refuses it.
  app.setNotFoundHandler(() => {
    throw noSuchPath()
  })
}

function refuse(options: ServerOptions, error: unknown, request: FastifyRequest, reply: FastifyReply) {
  const refusal = answerTo(request, toRefusal(error))
  const told = { code: refusal.code, reason: refusal.message }
  options.onRefusal?.(refusal.code, refusal.message)
  if (refusal.status < 500) request.log.info(told, 'refused')
  // Under a flood a line each: a fault's stack has no place there.
  else if (error instanceof Refusal) request.log.warn(told, 'refused')
  else request.log.error({ err: error, code: refusal.code }, 'a request failed')
  return sendProblem(options, request, reply, refusal)
}

/** A request that is held back never came as far as its body: whatever is wrong with that, too many were first. */
const answerTo = ({ heldBack }: FastifyRequest, refusal: Refusal): Refusal =>
  heldBack && refusal.status < 500 ? heldBack : refusal

const CORS = {
  methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
  allowedHeaders: ['Authorization', 'Content-Type', 'Accept', 'Accept-Language', 'Idempotency-Key', 'Proof-Of-Work'],
  exposedHeaders: [
    'Location',
    'Retry-After',
    'RateLimit',
    'RateLimit-Policy',
    'X-Request-Id',
    'WWW-Authenticate',
    'Idempotent-Replayed',
  ],
  maxAge: 600,
}

/** Cross-origin requests from the listed origins alone. The API sets no cookie, so credentials never travel. */
async function allowOrigins(app: App, origins: readonly string[]): Promise<void> {
  const isAllowed = (origin: string) => origins.includes('*') || origins.includes(origin)
  await app.register(cors, {
    delegator: ({ headers }: FastifyRequest, done: (error: null, options: FastifyCorsOptions) => void) => {
      const { origin } = headers
      if (origin === undefined || !isAllowed(origin)) done(null, { origin: false })
      else done(null, { ...CORS, origin, preflight: headers['access-control-request-method'] !== undefined })
    },
  })
}
