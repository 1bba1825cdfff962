import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeSpans, type EndedSpan } from './otlp.ts'

const SPAN: EndedSpan = {
  part: 'shadow-update',
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  spanId: '00f067aa0ba902b7',
  parentSpanId: undefined,
  name: 'shadow_write',
  kind: 'client',
  startMs: 1_790_000_000_000.125,
  endMs: 1_790_000_000_001.5,
  attributes: { 'db.system.name': 'postgresql', items: 3, share: 0.5 },
  failed: false,
}

test('ok/spans-have-one-resource-for-each-part', () => {
  const { resourceSpans } = JSON.parse(encodeSpans([SPAN, { ...SPAN, part: 'edge' }, SPAN], 'h-1'))
  assert.deepEqual(
    resourceSpans.map(({ resource, scopeSpans }: { resource: object; scopeSpans: [Scope] }) => [
      resource,
      scopeSpans[0].spans.length,
    ]),
    [
      [resourceOf('shadow-update'), 2],
      [resourceOf('edge'), 1],
    ],
  )
})

test('ok/span-has-its-ids-in-hex-and-its-times-as-text', () => {
  const [span] = spansOf({ ...SPAN, parentSpanId: '00f067aa0ba902b8', failed: true })
  assert.deepEqual(span, {
    traceId: SPAN.traceId,
    spanId: SPAN.spanId,
    parentSpanId: '00f067aa0ba902b8',
    name: 'shadow_write',
    kind: 3,
    startTimeUnixNano: '1790000000000125000',
    endTimeUnixNano: '1790000000001500000',
    attributes: [
      { key: 'db.system.name', value: { stringValue: 'postgresql' } },
      { key: 'items', value: { intValue: '3' } },
      { key: 'share', value: { doubleValue: 0.5 } },
    ],
    status: { code: 2 },
  })
})

test('ok/root-that-did-not-fail-has-neither-parent-nor-status', () => {
  const [span] = spansOf(SPAN)
  assert.ok(span !== undefined && !('parentSpanId' in span) && !('status' in span))
})

interface Scope {
  readonly spans: readonly object[]
}

function spansOf(span: EndedSpan): readonly object[] {
  const decoded: { resourceSpans: [{ scopeSpans: [Scope] }] } = JSON.parse(
    encodeSpans([span], 'h-1'),
  )
  return decoded.resourceSpans[0].scopeSpans[0].spans
}

function resourceOf(part: string): object {
  const attributes = {
    'service.namespace': 'muster',
    'service.name': part,
    'service.instance.id': 'h-1',
  }
  return {
    attributes: Object.entries(attributes).map(([key, value]) => ({
      key,
      value: { stringValue: value },
    })),
  }
}
