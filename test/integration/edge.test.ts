// What every edge must do, whichever it is: the embedded one here, HAProxy by its configuration.
import assert from 'node:assert/strict'
import test, { after } from 'node:test'
import { makeClientCertificates, type LeafName } from '../support/client-certificates.ts'
import { cancelled, startTestEdge, type Seen } from '../support/edge.ts'
import { until } from '../support/until.ts'
import { collect, openTls, sendText, type WireOptions } from '../support/wire.ts'

const EST = '/.well-known/est/'
const HOST = 'Host: localhost\r\n'

const certificates = makeClientCertificates()
const edge = await startTestEdge(certificates)
after(async () => {
  await edge.close(200)
  certificates[Symbol.dispose]()
})

type Options = Omit<WireOptions, 'port'> & { readonly as?: LeafName }

function send(text: string, { as, ...options }: Options = {}) {
  const identity = as && certificates.leaf(as)
  return sendText(text, { port: edge.port, ...options, ...(identity && { identity }) })
}

function get(target: string, headers = '', options: Options = {}) {
  return send(`GET ${target} HTTP/1.1\r\n${HOST}${headers}\r\n`, options)
}

async function seen(answer: ReturnType<typeof send>): Promise<Seen> {
  const { body, text, status } = await answer
  assert.equal(status, 200, text)
  const value: Seen = JSON.parse(body)
  return value
}

const FORBIDDEN =
  `Client-Cert client_cert Client-Cert-Chain Muster-Hop muster_hop Muster-Target muster_target
  X-Forwarded-For X_Forwarded_For X-Forwarded-Client-Cert X-Forwarded-Tls-Client-Cert Forwarded X-Real-IP
  X-SSL-Client-Cert X-SSL-Cert SSL-Client-Cert SSL_CLIENT_CERT X-Client-Cert X-Amzn-Mtls-Clientcert X-ARR-ClientCert
  X-Topic X-Connector X-Timeout X-Call-Id X-Authority X-Authority-0 X-Controller-Id X-Ssl-Client-Cn
  X-Ssl-Issuer-Hash-1`.split(/\s+/)

test('what only the edge may say is removed, in both spellings', async () => {
  for (const spell of [(name: string) => name, (name: string) => name.replaceAll('-', '_')]) {
    const headers = FORBIDDEN.map((name) => `${spell(name)}: EVIL\r\n`).join('')
    const it = await seen(get(`${EST}x`, headers))
    assert.ok(it.proven)
    assert.ok(!JSON.stringify(it.headers).includes('EVIL'))
  }
})

test('Connection cannot name our headers', async () => {
  const headers = 'Connection: close, Client-Cert, Muster-Hop, X-Forwarded-For\r\n'
  const it = await seen(get(`${EST}x`, headers, { as: 'dev1' }))
  assert.deepEqual([it.proven, it.verdict], [true, 'ok'])
  assert.ok(!it.headers.some(([name]) => name === 'connection'))
})

test('the time of the hop is now; ids differ', async () => {
  const [one, two] = [await seen(get(`${EST}x`)), await seen(get(`${EST}x`))]
  assert.ok(Math.abs(Date.now() - one.time) < 5000)
  assert.notEqual(one.callId, two.callId)
})

const post = (target: string, headers: string, body = '', options: Options = {}) =>
  send(`POST ${target} HTTP/1.1\r\n${HOST}${headers}\r\n${body}`, options)
const chunked = (...parts: string[]) =>
  `${parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('')}0\r\n\r\n`

test('no body: the hash of nothing is signed', async () => {
  const it = await seen(post(`${EST}x`, 'Content-Length: 0\r\n'))
  assert.deepEqual([it.proven, it.bodySigned, it.bodyBytes], [true, true, 0])
})

test('a body of 16384 bytes is signed', async () => {
  const it = await seen(post(`${EST}x`, 'Content-Length: 16384\r\n', 'A'.repeat(16_384)))
  assert.deepEqual([it.proven, it.bodySigned, it.bodyBytes], [true, true, 16_384])
})

test('a body of 16385 bytes to est: 413, before it is sent', async () => {
  const answer = await post(`${EST}x`, 'Content-Length: 16385\r\n')
  assert.equal(answer.status, 413)
  assert.equal(JSON.parse(answer.body).code, 'request.too_large')
})

test('a chunked body in two parts is signed', async () => {
  const socket = await openTls({ port: edge.port })
  socket.write(`POST ${EST}x HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`)
  setTimeout(() => socket.write('3\r\nabc\r\n0\r\n\r\n'), 200)
  const it: Seen = JSON.parse((await collect(socket, 700)).body)
  assert.deepEqual([it.proven, it.bodySigned, it.bodyBytes], [true, true, 8])
})

test('a chunked body of 16385 bytes to est: 413', async () => {
  const body = chunked('A'.repeat(16_385))
  assert.equal((await post(`${EST}x`, 'Transfer-Encoding: chunked\r\n', body)).status, 413)
})

for (const [kind, header, body] of [
  ['length', 'Content-Length: 20000\r\n', 'A'.repeat(20_000)],
  ['chunks', 'Transfer-Encoding: chunked\r\n', chunked('A'.repeat(20_000))],
] as const)
  test(`20,000 bytes by ${kind} to a shadow: body unsigned, hop holds`, async () => {
    const it = await seen(post('/api/v1/devices/d1/shadow', header, body))
    assert.deepEqual([it.proven, it.bodySigned, it.bodyBytes], [true, false, 20_000])
  })

test('a chunked body past the limit of a route that may be large: 413', async () => {
  const body = chunked('A'.repeat(65_536), 'B')
  const answer = await post('/api/v1/devices', 'Transfer-Encoding: chunked\r\n', body)
  assert.equal(answer.status, 413)
})

test('8 MiB stream through; the connection serves on', async () => {
  const socket = await openTls({ port: edge.port })
  const size = 8 * 1024 * 1024
  socket.write(`PUT /api/v1/uploads/u/parts/1 HTTP/1.1\r\n${HOST}Content-Length: ${size}\r\n\r\n`)
  socket.write(Buffer.alloc(size, 65))
  socket.write(`GET ${EST}second HTTP/1.1\r\n${HOST}\r\n`)
  const { text } = await collect(socket, 1500, 1500)
  assert.match(text, new RegExp(`"bodyBytes":${size}`))
  assert.match(text, /est\/second/)
})

test('a function that answers before it read the body: the answer arrives, the connection serves on', async () => {
  const socket = await openTls({ port: edge.port })
  const size = 300_000
  const head = `PUT /api/v1/uploads/u/parts/1?answer=early HTTP/1.1\r\n${HOST}Content-Length: ${size}\r\n\r\n`
  socket.write(head)
  setTimeout(() => {
    socket.write(Buffer.alloc(size, 65))
    socket.write(`GET ${EST}second HTTP/1.1\r\n${HOST}\r\n`)
  }, 200)
  const { text } = await collect(socket, 1500, 1500)
  assert.match(text, /^HTTP\/1.1 403 /)
  assert.match(text, /est\/second/)
})

test('the content type is signed, commas and all; two, or two hosts: 400', async () => {
  assert.ok((await seen(get(`${EST}x`, 'Content-Type: a/b; c="d, e"\r\n'))).proven)
  const twice = 'Content-Type: a/b\r\nContent-Type: c/d\r\n'
  assert.equal((await get(`${EST}x`, twice)).status, 400)
  assert.equal((await get(`${EST}x`, HOST)).status, 400)
})

test('every function has its own key', async () => {
  for (const [target, name] of [
    ['/scep?x', 'est'],
    ['/pki/x', 'pki'],
    ['/api/v1/enroll', 'enroll'],
    ['/api/v1/devices/a/shadow?name=n', 'shadow-update'],
    ['/api/v1/devices', 'register'],
    ['/api/v1/keys', 'ota'],
    ['/', 'console'],
  ] as const) {
    const it = await seen(get(target))
    assert.deepEqual([it.functionName, it.proven], [name, true], target)
  }
})

test('Expect: 100-continue is answered before the body; 413 instead of it', async () => {
  const expect = 'Expect: 100-continue\r\n'
  const answer = await post(`${EST}x`, `${expect}Content-Length: 5\r\n`)
  assert.match(answer.text, /^HTTP\/1.1 100 /)
  const large = await post(`${EST}x`, `${expect}Content-Length: 16385\r\n`)
  assert.equal(large.status, 413)
})

test('EST answer: header case, length, not chunked, head below 1 KiB', async () => {
  const { text } = await get(`${EST}x?answer=est`)
  assert.match(text, /\r\nContent-Type: application\/pkcs7-mime; smime-type=certs-only\r\n/)
  assert.match(text, /\r\nContent-Length: 8\r\n/)
  assert.match(text, /\r\nContent-Transfer-Encoding: base64\r\n/)
  assert.doesNotMatch(text, /chunked/i)
  assert.ok(text.indexOf('\r\n\r\n') < 1024)
})

test('401: WWW-Authenticate in that case, empty', async () => {
  const { text } = await get(`${EST}x?answer=401`)
  assert.match(text, /\r\nWWW-Authenticate: Basic realm="est"\r\n/)
  assert.match(text, /\r\nContent-Length: 0\r\n/)
})

test('202: Retry-After, empty', async () => {
  const { text } = await get(`${EST}x?answer=202`)
  assert.match(text, /\r\nRetry-After: 7\r\n/)
  assert.match(text, /\r\nContent-Length: 0\r\n/)
})

test('HTTP/1.0 without Host: answered, closed', async () => {
  const { status, end } = await send(`GET ${EST}x?answer=est HTTP/1.0\r\n\r\n`)
  assert.deepEqual([status, end], [200, 'closed'])
})

test('HTTP/1.0 never gets chunks, streamed answers neither', async () => {
  for (const target of [`${EST}x`, '/api/v1/artifacts/1/content']) {
    const { text, end } = await send(`GET ${target}?answer=chunked HTTP/1.0\r\n\r\n`)
    assert.doesNotMatch(text, /chunked/i)
    assert.ok(text.endsWith('\r\n\r\nab'))
    assert.equal(end, 'closed')
  }
})

test('an answer that breaks off ends the connection before its last byte', async () => {
  const { text, end } = await get('/api/v1/artifacts/1/content?answer=broken')
  assert.match(text, /\r\nContent-Length: 2\r\n/)
  assert.match(text, /\r\n\r\na?$/)
  assert.notEqual(end, 'open')
})

test('events: each arrives at once; the stream ends when its reader goes', async () => {
  const socket = await openTls({ port: edge.port })
  socket.write(`GET /api/v1/artifacts/1/content?answer=endless HTTP/1.1\r\n${HOST}\r\n`)
  const { text, end } = await collect(socket, 200)
  assert.match(text, /\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n$/)
  assert.equal(end, 'open')
  await until('the stream is cancelled', () => cancelled.length === 1)
})

test('HEAD: the head of GET, no body', async () => {
  const { status, body } = await send(`HEAD ${EST}x?answer=est HTTP/1.1\r\n${HOST}\r\n`)
  assert.deepEqual([status, body], [200, ''])
})

test('Connection: close is obeyed', async () => {
  assert.equal((await get(`${EST}x`, 'Connection: close\r\n')).end, 'closed')
})

test('%2F, //, .. and %00 reach the function as sent', async () => {
  const target = `${EST}a%2Fb//c/../d%00?q=%2f+%0A`
  const it = await seen(get(target))
  assert.deepEqual([it.target, it.functionName, it.proven], [target, 'est', true])
})

test('OCSP by GET with / and + inside', async () => {
  const target = '/pki/ocsp/MFEwTzBNMEswSTAJ//a+b%2Fc=='
  const it = await seen(get(target))
  assert.deepEqual([it.target, it.functionName], [target, 'pki'])
})

test('SCEP by GET, 12 KiB, with a client certificate', async () => {
  const target = `/scep?operation=PKIOperation&message=${'A'.repeat(12_288)}`
  const it = await seen(get(target, '', { as: 'dev1' }))
  assert.deepEqual([it.target, it.proven], [target, true])
})

test('20 KiB of path: 414 or 431; 15,000: 414', async () => {
  const { status } = await get(`/scep?message=${'A'.repeat(20_000)}`)
  assert.ok(status === 414 || status === 431)
  assert.equal((await get(`/scep?message=${'A'.repeat(15_000)}`)).status, 414)
})

test('a head above 16 KiB: 431', async () => {
  assert.equal((await get('/', `X-A: ${'A'.repeat(16_384)}\r\n`)).status, 431)
})

test('unknown path: 404 problem', async () => {
  const answer = await get('/api/v2/devices')
  assert.equal(answer.status, 404)
  assert.match(answer.text, /\r\nContent-Type: application\/problem\+json\r\n/)
  assert.equal(JSON.parse(answer.body).code, 'route.not_found')
})

test('absolute form, authority form, asterisk: 400', async () => {
  assert.equal((await get(`http://evil${EST}x`)).status, 400)
  assert.equal((await get('*')).status, 400)
  assert.notEqual((await send(`CONNECT evil:443 HTTP/1.1\r\n${HOST}\r\n`)).status, 200)
})

test('methods that no function knows: 405, with those that some know', async () => {
  const answer = await send(`TRACE ${EST}x HTTP/1.1\r\n${HOST}\r\n`)
  assert.equal(answer.status, 405)
  assert.match(answer.text, /\r\nAllow: GET, HEAD, /)
})

test('two Content-Lengths: 400', async () => {
  const lengths = 'Content-Length: 5\r\nContent-Length: 6\r\n'
  assert.equal((await post(`${EST}x`, lengths, 'hello!')).status, 400)
})

test('Content-Length together with chunks: 400, nothing smuggled', async () => {
  const headers = 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n'
  const smuggled = `0\r\n\r\nGET ${EST}smuggled HTTP/1.1\r\n${HOST}\r\n`
  const { text, status } = await post(`${EST}x`, headers, smuggled)
  assert.equal(status, 400)
  assert.ok(!text.includes('smuggled'))
})

for (const [name, head] of [
  ['a space before the colon', `GET / HTTP/1.1\r\nHost : a\r\n\r\n`],
  ['a folded header', `GET / HTTP/1.1\r\n${HOST}X-A: b\r\n c\r\n\r\n`],
  ['bare LF', `GET / HTTP/1.1\nHost: a\n\n`],
  ['no Host', `GET / HTTP/1.1\r\n\r\n`],
  ['a NUL in a header', `GET / HTTP/1.1\r\n${HOST}X-A: b\0c\r\n\r\n`],
  ['HTTP/2 in the clear', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`],
  [
    'a chunk size that overflows',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n`,
  ],
  [
    'an unknown transfer coding',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked, identity\r\n\r\n`,
  ],
] as const)
  test(`head with ${name}: 400, closed`, async () => {
    const { status, end } = await send(head)
    assert.deepEqual([status, end], [400, 'closed'])
  })

test('/metrics: what the console answers, and the metrics of this process', async () => {
  const options = { processMetrics: async () => 'muster_process 1\n' }
  await using alone = await startTestEdge(certificates, options)
  const ask = (target: string) =>
    sendText(`GET ${target} HTTP/1.1\r\n${HOST}\r\n`, { port: alone.port })
  const { body } = await ask('/metrics')
  assert.match(body, /^\{"functionName":"console".*\}\nmuster_process 1\n$/s)
  assert.ok(!(await ask('/metrics?answer=401')).body.includes('muster_process'))
  assert.ok(!(await ask('/')).body.includes('muster_process'))
})
