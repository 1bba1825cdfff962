import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { Api, path } from './client.ts'
import { readEvents, type ServerEvent } from './event-stream.ts'
import { pages } from './pages.ts'
import { ApiError, sentence, UnreachableError } from './problem.ts'
import { openTransport, type Ask, type Transport } from './transport.ts'

/** A server in one function: the next answer for each request, and what was asked. */
function answering(...answers: readonly [status: number, body: object, headers?: object][]): {
  transport: Transport
  asked: Ask[]
} {
  const asked: Ask[] = []
  const left = [...answers]
  return {
    asked,
    transport: async (ask) => {
      asked.push(ask)
      const [status, body, headers = {}] = left.shift() ?? [500, {}]
      return {
        status,
        headers: { ...headers },
        body: Readable.from([Buffer.from(JSON.stringify(body))]),
      }
    },
  }
}

test('fail/problem-is-an-error-with-its-code-and-call', async () => {
  const problem = {
    code: 'query.unknown_field',
    detail: 'Unknown field `x` at column 1',
    call_id: 'c1',
  }
  const { transport } = answering([400, problem])
  await assert.rejects(new Api(transport).get('devices'), (error) => {
    assert.ok(error instanceof ApiError)
    assert.equal(error.message, 'unknown field x at column 1')
    assert.deepEqual([error.status, error.code, error.callId], [400, 'query.unknown_field', 'c1'])
    return true
  })
})

test('fail/plain-http-only-to-this-machine', () => {
  assert.throws(() => openTransport({ url: new URL('http://example.com') }), UnreachableError)
})

test('ok/post-is-repeated-with-the-same-key', async () => {
  const { transport, asked } = answering([503, {}, { 'retry-after': '0' }], [201, { id: '1' }])
  assert.deepEqual(await new Api(transport).post('devices', { device_id: 'a' }), { id: '1' })
  const keys = asked.map(({ headers }) => headers?.['idempotency-key'])
  assert.equal(keys.length, 2)
  assert.ok(keys[0] && keys[0] === keys[1])
})

test('ok/other-refusals-are-not-repeated', async () => {
  const { transport, asked } = answering([409, { code: 'device.exists' }], [201, {}])
  await assert.rejects(new Api(transport).post('devices', {}), ApiError)
  assert.equal(asked.length, 1)
})

test('ok/pages-follow-the-cursor-and-stop-at-the-limit', async () => {
  const { transport, asked } = answering(
    [200, { items: [{ id: 1 }, { id: 2 }], next: 'c' }],
    [200, { items: [{ id: 3 }], next: 'd' }],
  )
  const found: unknown[] = []
  for await (const page of pages(new Api(transport), 'devices', { q: 'all' }, 3))
    found.push(...page.items)
  assert.equal(found.length, 3)
  assert.deepEqual(
    asked.map(({ target }) => target),
    ['/api/v1/devices?q=all&limit=3', '/api/v1/devices?q=all&limit=1&cursor=c'],
  )
})

test('ok/ids-stay-one-segment', () => {
  assert.equal(path('../tokens', 'a b?c#'), '..%2Ftokens/a%20b%3Fc%23')
})

test('ok/event-stream-by-the-standard', async () => {
  const text =
    ': hello\n\nid: 1\nevent: device.changed\ndata: {"a":\ndata: 1}\n\nid: 2\r\ndata:x\r\n\r\ndata: lost'
  const events: ServerEvent[] = []
  const pieces = Array.from({ length: Math.ceil(text.length / 3) }, (_, i) =>
    Buffer.from(text.slice(i * 3, i * 3 + 3)),
  )
  for await (const event of readEvents(Readable.from(pieces))) events.push(event)
  assert.deepEqual(events, [
    { id: '1', kind: 'device.changed', data: '{"a":\n1}' },
    { id: '2', kind: 'message', data: 'x' },
  ])
})

test('ok/sentences-become-parts-of-a-line', () => {
  assert.equal(sentence('Unknown field `x`'), 'unknown field x')
  assert.equal(sentence('CA is down'), 'CA is down')
})
