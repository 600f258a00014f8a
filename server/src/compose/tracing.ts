import type { Span, TracerProvider } from '@opentelemetry/api'
import type { Passwords } from '../features/passwords/service.ts'
import type { Attributes, RequestSpan, RequestStart, SpanStart, Tracing } from '../kernel/tracing.ts'
import { VERSION } from '../kernel/version.ts'

type Api = typeof import('@opentelemetry/api')

// Where every copy of the API keeps what is registered, throughout its version 1. Asked first, so that a server that nobody
// traces neither loads the API (14 ms) nor passes through it.
const REGISTERED = Symbol.for('opentelemetry.js.api.1')

/**
 * Spans for the SDK that the operator has registered before the server began (`node --import`, docs/tracing.md); undefined
 * where there is none.
 */
export async function openTracing(): Promise<Tracing | undefined> {
  const registered = (globalThis as { [REGISTERED]?: { readonly trace?: TracerProvider } })[REGISTERED]
  return registered?.trace ? createTracing(await import('@opentelemetry/api')) : undefined
}

function createTracing(api: Api): Tracing {
  const { context, trace } = api
  const tracer = tracerOf(api)
  return {
    inSpan({ name, kind, attributes = {}, as }: SpanStart, work) {
      if (as === 'child' && !trace.getActiveSpan()) return work(() => {})
      const spanKind = kind === 'client' ? api.SpanKind.CLIENT : api.SpanKind.INTERNAL
      const options = { kind: spanKind, attributes, root: as === 'root' }
      return tracer.startActiveSpan(name, options, (span) => during(api, span, work))
    },
    beginRequest: (request) => beginRequest(api, request),
    outside: (work) => context.with(api.ROOT_CONTEXT, work),
    ids() {
      const active = trace.getActiveSpan()?.spanContext()
      return active && api.isSpanContextValid(active) ? { trace_id: active.traceId, span_id: active.spanId } : {}
    },
  }
}

type Tell = (attributes: Attributes) => void

async function during<T>({ SpanStatusCode }: Api, span: Span, work: (tell: Tell) => Promise<T>): Promise<T> {
  try {
    return await work((attributes) => span.setAttributes(attributes))
  } catch (error) {
    // Not its message: that may hold what a log may and a collector elsewhere may not.
    span.setAttribute('error.type', error instanceof Error ? error.name : '_OTHER')
    span.setStatus({ code: SpanStatusCode.ERROR })
    throw error
  } finally {
    span.end()
  }
}

function beginRequest(api: Api, { name, attributes, carrier, isTrusted }: RequestStart): RequestSpan {
  const { context, trace, ROOT_CONTEXT } = api
  const outside = api.propagation.extract(ROOT_CONTEXT, carrier)
  const theirs = trace.getSpanContext(outside)
  const options = { kind: api.SpanKind.SERVER, attributes }
  const span = isTrusted
    ? tracerOf(api).startSpan(name, options, outside)
    : tracerOf(api).startSpan(
        name,
        { ...options, root: true, links: theirs ? [{ context: theirs }] : [] },
        ROOT_CONTEXT,
      )
  const inside = trace.setSpan(ROOT_CONTEXT, span)
  return {
    within: (work) => context.with(inside, work),
    end(told, isFault) {
      span.setAttributes(told)
      if (isFault) span.setStatus({ code: api.SpanStatusCode.ERROR })
      span.end()
    },
  }
}

const tracerOf = ({ trace }: Api) => trace.getTracer('latchkey', VERSION)

/** Hashing in spans, which hold the wait in line too. */
export const tracedPasswords = (passwords: Passwords, tracing: Tracing): Passwords => ({
  ...passwords,
  hash: (...given) => tracing.inSpan({ name: 'hash password' }, () => passwords.hash(...given)),
  verify: (...given) => tracing.inSpan({ name: 'verify password' }, () => passwords.verify(...given)),
})
