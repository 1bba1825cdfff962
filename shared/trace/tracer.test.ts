import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SpanStart } from '../trace.ts'
import type { EndedSpan } from './otlp.ts'
import { parseTraceparent } from './traceparent.ts'
import { RecordingTracer } from './tracer.ts'

const ROOT: SpanStart = { name: 'call', kind: 'server', part: 'pki', from: null }
const BELOW: SpanStart = { name: 'statement', kind: 'client' }
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'

function recording(ratio = 1) {
  const spans: EndedSpan[] = []
  const tracer = new RecordingTracer(ratio, (span) => spans.push(span))
  return { spans, tracer }
}

test('ok/a-span-below-another-is-of-its-trace-and-part', async () => {
  const { spans, tracer } = recording()
  assert.equal(await tracer.run(ROOT, () => tracer.run(BELOW, async () => 7)), 7)
  const [child, root] = spans
  assert.equal(child?.traceId, root?.traceId)
  assert.equal(child?.parentSpanId, root?.spanId)
  assert.equal(child?.part, 'pki')
  assert.equal(root?.parentSpanId, undefined)
  assert.ok(root && child && root.startMs <= child.startMs && child.endMs <= root.endMs)
})

test('ok/a-traceparent-is-taken-up-whatever-is-around', async () => {
  const { spans, tracer } = recording(0)
  const from = `00-${TRACE}-${SPAN}-01`
  await tracer.run(ROOT, () => tracer.run({ ...ROOT, from }, async () => undefined))
  assert.deepEqual(
    spans.map(({ traceId, parentSpanId }) => [traceId, parentSpanId]),
    [[TRACE, SPAN]],
  )
})

test('ok/two-at-a-time-do-not-mix', async () => {
  const { spans, tracer } = recording()
  const one = (name: string) =>
    tracer.run({ ...ROOT, name }, async () => {
      await new Promise((resolve) => setImmediate(resolve))
      await tracer.run({ ...BELOW, name: `${name}-below` }, async () => undefined)
    })
  await Promise.all([one('a'), one('b')])
  for (const name of ['a', 'b']) {
    const root = spans.find((span) => span.name === name)
    const child = spans.find((span) => span.name === `${name}-below`)
    assert.equal(child?.parentSpanId, root?.spanId)
  }
})

test('ok/what-is-not-sampled-says-so-to-whom-it-calls', async () => {
  const { spans, tracer } = recording(0)
  const header = await tracer.run(ROOT, () =>
    tracer.run(BELOW, async () => tracer.header() ?? null),
  )
  assert.equal(parseTraceparent(header)?.sampled, false)
  assert.deepEqual(spans, [])
})

test('ok/the-ratio-is-about-held', async () => {
  const { spans, tracer } = recording(0.25)
  for (let n = 0; n < 4000; n++) await tracer.run(ROOT, async () => undefined)
  assert.ok(spans.length > 800 && spans.length < 1200, `${spans.length} of 4000`)
})

test('fail/a-span-that-failed-has-its-code-and-no-message', async () => {
  const { spans, tracer } = recording()
  const error = Object.assign(new Error('key (id)=(secret)'), { code: '23505' })
  await assert.rejects(
    tracer.run(ROOT, async () => {
      throw error
    }),
    error,
  )
  assert.equal(spans[0]?.failed, true)
  assert.equal(spans[0]?.attributes['error.type'], '23505')
  assert.doesNotMatch(JSON.stringify(spans), /secret/)
})

test('ok/what-has-no-call-around-it-or-goes-on-after-the-answer-is-not-recorded', async () => {
  const { spans, tracer } = recording()
  await tracer.run(BELOW, async () => undefined)
  const { promise, resolve } = Promise.withResolvers<void>()
  let after: Promise<string | undefined> | undefined
  await tracer.run(ROOT, async () => {
    after = promise.then(() => tracer.run(BELOW, async () => tracer.header()))
  })
  resolve()
  assert.equal(await after, undefined)
  assert.deepEqual(
    spans.map(({ name }) => name),
    ['call'],
  )
})
