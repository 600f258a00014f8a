import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { RequestSpan, Tracing } from '../kernel/tracing.ts'

const spans = new WeakMap<FastifyRequest, RequestSpan>()

/**
 * A span for each request, in the words of OpenTelemetry's semantic conventions 1.23 and later. Without the path, the query
 * and the client's address, which those would have: a path may hold an address or a token. To be called before other hooks.
 */
export function traceRequests(app: FastifyInstance, tracing: Tracing): void {
  app.addHook('onRequest', (request, _, done) => {
    const route = request.routeOptions.url
    const { traceparent, tracestate } = request.headers
    const span = tracing.beginRequest({
      name: route === undefined ? request.method : `${request.method} ${route}`,
      attributes: {
        'http.request.method': request.method,
        'url.scheme': request.protocol,
        'latchkey.request_id': request.id,
        ...(route !== undefined && { 'http.route': route }),
      },
      carrier: { traceparent, tracestate },
      isTrusted: cameByTrustedProxy(request),
    })
    spans.set(request, span)
    span.within(done)
  })
  // The body comes in the connection's time, not in the request's: its span is taken up again behind it.
  app.addHook('preValidation', (request, _, done) => inTraceOf(request, done))
  app.addHook('onResponse', (request, reply, done) => {
    const { statusCode: status } = reply
    const fault = status >= 500 ? { 'error.type': String(status) } : {}
    spans.get(request)?.end({ 'http.response.status_code': status, ...fault }, status >= 500)
    inTraceOf(request, done)
  })
}

/** Does work with the request's span active, where it has one. */
export function inTraceOf<T>(request: FastifyRequest, work: () => T): T {
  const span = spans.get(request)
  return span ? span.within(work) : work()
}

/** Fastify goes on to a second address only past a proxy it trusts. */
const cameByTrustedProxy = ({ ips }: FastifyRequest): boolean => (ips?.length ?? 0) > 1
