import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatTraceparent, parseTraceparent } from './traceparent.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'

for (const [name, text] of [
  ['none', null],
  ['empty', ''],
  ['capitals', `00-${TRACE.toUpperCase()}-${SPAN}-01`],
  ['trace-id-all-zero', `00-${'0'.repeat(32)}-${SPAN}-01`],
  ['span-id-all-zero', `00-${TRACE}-${'0'.repeat(16)}-01`],
  ['version-ff', `ff-${TRACE}-${SPAN}-01`],
  ['more-behind-version-00', `00-${TRACE}-${SPAN}-01-x`],
  ['short-trace-id', `00-${TRACE.slice(1)}-${SPAN}-01`],
  ['no-flags', `00-${TRACE}-${SPAN}`],
  ['long-flags', `00-${TRACE}-${SPAN}-011`],
  ['twice', `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`],
  ['blank-before', ` 00-${TRACE}-${SPAN}-01`],
  ['line-behind', `00-${TRACE}-${SPAN}-01\n`],
] as const)
  test(`fail/traceparent-${name}`, () => assert.equal(parseTraceparent(text), undefined))

test('ok/traceparent-is-read-and-written-alike', () => {
  for (const sampled of [true, false]) {
    const parent = { traceId: TRACE, spanId: SPAN, sampled }
    assert.deepEqual(parseTraceparent(formatTraceparent(parent)), parent)
  }
})

test('ok/traceparent-of-a-later-version-with-more-behind-and-other-flags', () => {
  const parent = { traceId: TRACE, spanId: SPAN, sampled: true }
  assert.deepEqual(parseTraceparent(`42-${TRACE}-${SPAN}-03-what`), parent)
})
