// Whatever comes: the edge answers 4xx or what the function answers, or ends the connection; never 5xx, and it serves on.
import assert from 'node:assert/strict'
import test, { after } from 'node:test'
import * as fc from 'fast-check'
import { makeClientCertificates } from '../support/client-certificates.ts'
import { startTestEdge, TEST_ROUTES } from '../support/edge.ts'
import { sendText } from '../support/wire.ts'

const certificates = makeClientCertificates()
const unlimited = { newPerSecond: 1e6, burst: 1e6, open: 1e6, trusted: [] }
const edge = await startTestEdge(certificates, { limits: () => unlimited })
after(async () => {
  await edge.close(200)
  certificates[Symbol.dispose]()
})

const bytes = (max: number) =>
  fc.uint8Array({ maxLength: max }).map((array) => Buffer.from(array).toString('latin1'))
const method = fc.constantFrom(
  'GET',
  'POST',
  'PUT',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'get',
  'GE T',
  '',
  '\0',
)
const path = fc.oneof(
  fc.constantFrom(...TEST_ROUTES.map((row) => row.path.replace('*', 'x').replace(/\{\w+\}/g, '1'))),
  fc.webPath(),
  bytes(60).map((text) => `/${text}`),
  fc.constantFrom('*', '//', '/..', '/%', '/%00', '/\\', 'http://x/', '/#', '/?', '/é'),
)
const version = fc.constantFrom('HTTP/1.1', 'HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0', 'http/1.1', '')
const header = fc.tuple(
  fc.oneof(
    fc.constantFrom(
      ...['Content-Length', 'Transfer-Encoding', 'Connection', 'Host', 'Expect', 'Content-Type'],
      ...['Upgrade', 'Muster-Hop', 'Client-Cert', 'Content-Encoding', 'Trailer', 'TE', 'Range'],
    ),
    bytes(12),
  ),
  fc.oneof(
    fc.constantFrom(
      '0',
      '5',
      '-1',
      '99999999999999999999',
      'chunked',
      'gzip, chunked',
      'close',
      'keep-alive, Host',
    ),
    bytes(40),
  ),
)
const line = fc.constantFrom('\r\n', '\r\n', '\r\n', '\n', '\r')

const request = fc
  .record({
    method,
    path,
    version,
    headers: fc.array(header, { maxLength: 6 }),
    line,
    body: bytes(80),
  })
  .map((parts) => {
    const host = parts.headers.length % 2 === 0 ? `Host: a${parts.line}` : ''
    const headers = parts.headers.map(([name, value]) => `${name}: ${value}${parts.line}`).join('')
    const first = `${parts.method} ${parts.path} ${parts.version}${parts.line}`
    return `${first}${host}${headers}${parts.line}${parts.body}`
  })

test('random requests', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(request, async (text) => {
      const { status, text: answer } = await sendText(text, { port: edge.port, waitMs: 60 })
      assert.ok(status < 500, answer)
      assert.ok(!/ at .*\.ts:\d+/.test(answer))
    }),
    { numRuns: 400 },
  )
  const { status } = await sendText('GET / HTTP/1.1\r\nHost: a\r\n\r\n', { port: edge.port })
  assert.equal(status, 200)
})

test('random bytes after the handshake', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(bytes(400), async (text) => {
      const { status } = await sendText(text, { port: edge.port, waitMs: 30 })
      assert.ok(status < 500)
    }),
    { numRuns: 60 },
  )
  const { status } = await sendText('GET / HTTP/1.1\r\nHost: a\r\n\r\n', { port: edge.port })
  assert.equal(status, 200)
})
