import assert from 'node:assert/strict'
import test from 'node:test'
import { cleanHeaders, isForbidden } from './forbidden-header.ts'

for (const name of [
  'Client-Cert',
  'CLIENT_CERT',
  'Muster-Anything',
  'x_topic',
  'X-SSL-Foo',
  'xssl-foo',
  'Te',
  'Traceparent',
  'TRACESTATE',
  'baggage',
  'Expect',
])
  test(`fail/${name}`, () => assert.ok(isForbidden(name)))

for (const name of ['Authorization', 'If-Match', 'X-Requested-With', 'Client-Id', 'Forwarded-By'])
  test(`ok/${name}`, () => assert.ok(!isForbidden(name)))

test('ok/repeated-headers-are-kept', () => {
  const headers = cleanHeaders(['Accept', 'a/b', 'Muster-Hop', 'x', 'accept', 'c/d'])
  assert.deepEqual([...headers], [['accept', 'a/b, c/d']])
})
