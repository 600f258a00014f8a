export type Attributes = Readonly<Record<string, string | number>>

export interface SpanStart {
  /** One of few: no id, no address. */
  readonly name: string
  readonly kind?: 'client'
  /** No secret and no address. */
  readonly attributes?: Attributes
  /** `root`: a trace of its own. `child`: no span at all where none is active. Not given: either, as it comes. */
  readonly as?: 'root' | 'child'
}

export interface RequestStart {
  readonly name: string
  readonly attributes: Attributes
  /** `traceparent` and `tracestate`, as they came (W3C Trace Context). */
  readonly carrier: Readonly<Record<string, unknown>>
  /** Whether they are believed; else they are only linked to, and nobody outside decides what is recorded. */
  readonly isTrusted: boolean
}

/** The span of a request, from its head to its answer. */
export interface RequestSpan {
  /** Does work with the span active. */
  within<T>(work: () => T): T
  end(attributes: Attributes, isFault: boolean): void
}

/** Spans, for whoever follows a request through its parts. Where nobody does, there is no such thing. */
export interface Tracing {
  /** Settles as `work` does, in a span; of a failure it tells the name alone. `tell` adds attributes. */
  inSpan<T>(span: SpanStart, work: (tell: (attributes: Attributes) => void) => Promise<T>): Promise<T>
  beginRequest(request: RequestStart): RequestSpan
  /** Does work that has nothing to do with the active span. */
  outside<T>(work: () => T): T
  /** Names the active span in a line of the log; empty while there is none. */
  ids(): { readonly trace_id?: string; readonly span_id?: string }
}
