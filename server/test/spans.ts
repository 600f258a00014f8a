import { AsyncLocalStorage } from 'node:async_hooks'
import {
  type Attributes,
  type Context,
  context,
  type ContextManager,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  type SpanOptions,
  SpanStatusCode,
  type TextMapPropagator,
  trace,
  type Tracer,
  TraceFlags,
} from '@opentelemetry/api'
import { onTestFinished } from 'vitest'
import { openTracing } from '../src/compose/tracing.ts'
import type { Tracing } from '../src/kernel/tracing.ts'

/** A span that has ended. */
export interface Ended {
  readonly name: string
  readonly kind: number | undefined
  readonly attributes: Attributes
  readonly context: SpanContext
  readonly parent: SpanContext | undefined
  readonly links: readonly SpanContext[]
  readonly isError: boolean
}

export interface Collector {
  readonly tracing: Tracing
  readonly ended: readonly Ended[]
  named(name: string): Ended[]
}

/** What an operator's SDK does, in memory: what `node --import` would have registered. Gone when the test ends. */
export async function collectSpans(): Promise<Collector> {
  const ended: Ended[] = []
  context.setGlobalContextManager(contextManager())
  propagation.setGlobalPropagator(W3C)
  trace.setGlobalTracerProvider({ getTracer: () => tracerInto(ended) })
  onTestFinished(() => {
    for (const api of [trace, context, propagation]) api.disable()
  })
  const tracing = await openTracing()
  if (!tracing) throw new Error('a registered SDK was not seen')
  return { tracing, ended, named: (name) => ended.filter((span) => span.name === name) }
}

function contextManager(): ContextManager {
  const storage = new AsyncLocalStorage<Context>()
  const manager: ContextManager = {
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (active, work, self, ...given) => storage.run(active, () => work.call(self as never, ...given)),
    bind: (_, target) => target,
    enable: () => manager,
    disable: () => manager,
  }
  return manager
}

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/

const W3C: TextMapPropagator = {
  fields: () => ['traceparent'],
  inject: () => {},
  extract(into, carrier, getter) {
    const [, traceId = '', spanId = '', flags = '0'] =
      TRACEPARENT.exec(String(getter.get(carrier, 'traceparent'))) ?? []
    const theirs = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true }
    return isSpanContextValid(theirs) ? trace.setSpanContext(into, theirs) : into
  },
}

let count = 0
const nextId = (length: number): string => (++count).toString(16).padStart(length, '0')

function tracerInto(ended: Ended[]): Tracer {
  const startSpan = (name: string, options: SpanOptions = {}, within = context.active()): Span => {
    const parent = options.root ? undefined : trace.getSpanContext(within)
    return spanInto(ended, name, options, parent)
  }
  const startActiveSpan = (name: string, options: SpanOptions, work: (span: Span) => unknown): unknown => {
    const span = startSpan(name, options)
    return context.with(trace.setSpan(context.active(), span), () => work(span))
  }
  return { startSpan, startActiveSpan: startActiveSpan as Tracer['startActiveSpan'] }
}

function spanInto(ended: Ended[], name: string, options: SpanOptions, parent: SpanContext | undefined): Span {
  const own = { traceId: parent?.traceId ?? nextId(32), spanId: nextId(16), traceFlags: TraceFlags.SAMPLED }
  const attributes: Attributes = { ...options.attributes }
  const links = (options.links ?? []).map((link) => link.context)
  let isError = false
  const span: Span = {
    spanContext: () => own,
    isRecording: () => true,
    setAttribute(key, value) {
      attributes[key] = value
      return span
    },
    setAttributes(some) {
      Object.assign(attributes, some)
      return span
    },
    addEvent: () => span,
    addLink: () => span,
    addLinks: () => span,
    updateName: () => span,
    recordException: () => {},
    setStatus({ code }) {
      isError = code === SpanStatusCode.ERROR
      return span
    },
    end: () => void ended.push({ name, kind: options.kind, attributes, context: own, parent, links, isError }),
  }
  return span
}
