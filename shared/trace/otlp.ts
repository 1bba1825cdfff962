import type { Attributes } from '../trace.ts'

/** A span that has ended; times in milliseconds since 1970. */
export interface EndedSpan {
  readonly part: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly name: string
  readonly kind: 'server' | 'client'
  readonly startMs: number
  readonly endMs: number
  readonly attributes: Attributes
  readonly failed: boolean
}

const KIND = { server: 2, client: 3 } as const
const ERROR = 2

/** Spans as OTLP/HTTP has them in JSON: ids in hex, 64-bit numbers as text, one resource for each part. */
export function encodeSpans(spans: readonly EndedSpan[], instance: string): string {
  const parts = Map.groupBy(spans, ({ part }) => part)
  const resourceSpans = [...parts].map(([part, own]) => ({
    resource: {
      attributes: encodeAttributes({
        'service.namespace': 'muster',
        'service.name': part,
        'service.instance.id': instance,
      }),
    },
    scopeSpans: [{ scope: { name: 'muster' }, spans: own.map(encodeSpan) }],
  }))
  return JSON.stringify({ resourceSpans })
}

function encodeSpan(span: EndedSpan) {
  const { traceId, spanId, parentSpanId, name, kind, startMs, endMs, attributes, failed } = span
  return {
    traceId,
    spanId,
    ...(parentSpanId !== undefined && { parentSpanId }),
    name,
    kind: KIND[kind],
    startTimeUnixNano: nanoseconds(startMs),
    endTimeUnixNano: nanoseconds(endMs),
    attributes: encodeAttributes(attributes),
    ...(failed && { status: { code: ERROR } }),
  }
}

// In nanoseconds a moment is beyond what a number holds exactly; in microseconds it is not.
const nanoseconds = (ms: number): string => `${Math.round(ms * 1000)}000`

const encodeAttributes = (attributes: Attributes) =>
  Object.entries(attributes).map(([key, value]) => ({ key, value: encodeValue(value) }))

function encodeValue(value: string | number) {
  if (typeof value === 'string') return { stringValue: value }
  return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value }
}
