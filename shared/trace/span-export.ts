import { Counter } from 'prom-client'
import type { Logger } from '../log.ts'
import { metrics } from '../metrics.ts'
import { encodeSpans, type EndedSpan } from './otlp.ts'

const BATCH = 512
const QUEUE = 2048
const EVERY_MS = 5_000
const ANSWER_MS = 10_000

export const droppedSpans = new Counter({
  name: 'muster_trace_spans_dropped_total',
  help: 'Spans that no collector has: the queue was full, or the collector did not take them',
  labelNames: ['reason'],
  registers: [metrics],
})

export interface SpanExportOptions {
  /** Base URL of the collector; spans go to `v1/traces` below it. */
  readonly endpoint: string
  readonly instance: string
  readonly log: Pick<Logger, 'info' | 'warn'>
}

/** Sends spans in batches. Nobody waits for it: what the collector does not take, or what is too much, is counted and gone. */
export class SpanExport {
  readonly #options: SpanExportOptions
  readonly #url: string
  readonly #timer: NodeJS.Timeout
  #waiting: EndedSpan[] = []
  #sending: Promise<void> | undefined
  #answers = true
  readonly #late = new AbortController()

  constructor(options: SpanExportOptions) {
    this.#options = options
    this.#url = `${options.endpoint.replace(/\/+$/, '')}/v1/traces`
    this.#timer = setInterval(() => this.#send(), EVERY_MS)
    this.#timer.unref()
  }

  take(span: EndedSpan): void {
    if (this.#waiting.length >= QUEUE) droppedSpans.inc({ reason: 'queue' })
    else if (this.#waiting.push(span) >= BATCH) this.#send()
  }

  /** Sends what waits, for at most so long; what is left then is counted as dropped. */
  async close(withinMs: number): Promise<void> {
    clearInterval(this.#timer)
    const timer = setTimeout(() => this.#late.abort(), withinMs)
    await this.#sending
    while (this.#waiting.length > 0 && this.#answers && !this.#late.signal.aborted) {
      this.#send()
      await this.#sending
    }
    clearTimeout(timer)
    droppedSpans.inc({ reason: 'queue' }, this.#waiting.length)
    this.#waiting = []
  }

  /** One batch at a time; after a full one the next follows at once. */
  #send(): void {
    if (this.#sending !== undefined || this.#waiting.length === 0) return
    const batch = this.#waiting.splice(0, BATCH)
    this.#sending = this.#post(batch).finally(() => {
      this.#sending = undefined
      if (this.#waiting.length >= BATCH) this.#send()
    })
  }

  async #post(batch: readonly EndedSpan[]): Promise<void> {
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: encodeSpans(batch, this.#options.instance),
        redirect: 'error',
        signal: AbortSignal.any([AbortSignal.timeout(ANSWER_MS), this.#late.signal]),
      })
      const text = await response.text()
      if (!response.ok) throw new Error(`the collector answers ${response.status}`)
      droppedSpans.inc({ reason: 'collector' }, rejected(text))
      this.#tell(true)
    } catch (error) {
      droppedSpans.inc({ reason: 'collector' }, batch.length)
      this.#tell(false, error)
    }
  }

  /** Once when it stops taking spans and once when it takes them again. */
  #tell(answers: boolean, error?: unknown): void {
    if (answers === this.#answers) return
    this.#answers = answers
    const { log } = this.#options
    if (answers) log.info({ url: this.#url }, 'spans are taken again')
    else log.warn({ url: this.#url, err: error }, 'spans are not taken')
  }
}

/** `partialSuccess.rejectedSpans` of an answer, a number or a text of one; an answer that says nothing rejects nothing. */
function rejected(text: string): number {
  const [, count = '0'] = /"rejectedSpans"\s*:\s*"?(\d{1,6})\b/.exec(text) ?? []
  return Number(count)
}
