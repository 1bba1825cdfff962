import { AsyncLocalStorage } from 'node:async_hooks'
import { randomBytes } from 'node:crypto'
import type { Attributes, Span, SpanStart, Tracer } from '../trace.ts'
import type { EndedSpan } from './otlp.ts'
import { formatTraceparent, parseTraceparent, type TraceParent } from './traceparent.ts'

interface Active extends TraceParent {
  readonly part: string
  ended: boolean
}

const NOT_RECORDED: Span = { set: () => undefined, fail: () => undefined }
const CLOCK_OFF_MS = 5

/** Records spans; a trace is sampled by the ratio where it begins, and below that as the caller says. */
export class RecordingTracer implements Tracer {
  readonly #around = new AsyncLocalStorage<Active>()
  readonly #ratio: number
  readonly #take: (span: EndedSpan) => void
  #origin = performance.timeOrigin

  constructor(ratio: number, take: (span: EndedSpan) => void) {
    this.#ratio = ratio
    this.#take = take
  }

  header(): string | undefined {
    const around = this.#around.getStore()
    return around === undefined || around.ended ? undefined : formatTraceparent(around)
  }

  run<T>(start: SpanStart, work: (span: Span) => Promise<T>): Promise<T> {
    const { from } = start
    const around = this.#around.getStore()
    if (from !== undefined) return this.#record(start, parseTraceparent(from), work)
    // What goes on after the answer (a stream, a timer) belongs to no call any more.
    if (around === undefined || around.ended || !around.sampled) return work(NOT_RECORDED)
    return this.#record({ part: around.part, ...start }, around, work)
  }

  async #record<T>(
    start: SpanStart,
    parent: TraceParent | undefined,
    work: (span: Span) => Promise<T>,
  ): Promise<T> {
    const { name, kind, part = 'muster' } = start
    const traceId = parent?.traceId ?? randomBytes(16).toString('hex')
    const sampled = parent?.sampled ?? this.#samples(traceId)
    const spanId = randomBytes(8).toString('hex')
    const active: Active = { traceId, spanId, sampled, part, ended: false }
    const attributes: Record<string, string | number> = { ...start.attributes }
    let failed = false
    const span: Span = {
      set: (more: Attributes) => Object.assign(attributes, more),
      fail: (type) => {
        failed = true
        attributes['error.type'] = type
      },
    }
    const startMs = this.#now()
    try {
      return await this.#around.run(active, () => work(span))
    } catch (error) {
      span.fail(errorType(error))
      throw error
    } finally {
      active.ended = true
      const ended = { part, traceId, spanId, parentSpanId: parent?.spanId, name, kind, startMs }
      if (sampled) this.#take({ ...ended, endMs: this.#now(), attributes, failed })
    }
  }

  #samples(traceId: string): boolean {
    return Number.parseInt(traceId.slice(-8), 16) < this.#ratio * 2 ** 32
  }

  /** Finer than a millisecond, and set right when the clock was. */
  #now(): number {
    const wall = Date.now()
    const now = this.#origin + performance.now()
    if (Math.abs(wall - now) <= CLOCK_OFF_MS) return now
    this.#origin += wall - now
    return wall
  }
}

// A message could hold what was sent; a code cannot.
function errorType(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}
