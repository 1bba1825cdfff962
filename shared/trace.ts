/** Names and numbers of a span; never a parameter, a document or a credential. */
export type Attributes = Readonly<Record<string, string | number>>

export interface SpanStart {
  readonly name: string
  /** Who answers is a server, who asks a client. */
  readonly kind: 'server' | 'client'
  /** The part it is work of; absent: that of the span around it. */
  readonly part?: string
  /**
   * The `traceparent` that came with the call; null, or one that cannot be read: a trace begins here. Absent: below the
   * span around it, and nothing at all where there is none.
   */
  readonly from?: string | null
  readonly attributes?: Attributes
}

/** A span under way. */
export interface Span {
  set(attributes: Attributes): void
  fail(type: string): void
}

export interface Tracer {
  run<T>(start: SpanStart, work: (span: Span) => Promise<T>): Promise<T>
  /** `traceparent` of the span around. */
  header(): string | undefined
}

// One for the process, as the registry of metrics is: statements and calls would all have to be handed it. Off: undefined.
let tracer: Tracer | undefined

export function setTracer(next: Tracer | undefined): void {
  tracer = next
}

/** Does the work within a span, when traces are on. */
export function traced<T>(start: SpanStart, work: (span?: Span) => Promise<T>): Promise<T> {
  return tracer === undefined ? work() : tracer.run(start, work)
}

/** The header that tells whoever is called of the span around; none when traces are off. It proves nothing. */
export function traceHeaders(): { traceparent?: string } {
  const traceparent = tracer?.header()
  return traceparent === undefined ? {} : { traceparent }
}
