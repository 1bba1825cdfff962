// What every edge must do with requests, whichever it is: the embedded one, and HAProxy by its configuration.
import assert from 'node:assert/strict'
import { cancelled, type Seen } from '../edge.ts'
import { chunked, EST, HOST, seen, type Case } from '../edge-client.ts'
import { until } from '../until.ts'
import { collect } from '../wire.ts'

const FORBIDDEN =
  `Client-Cert client_cert Client-Cert-Chain Muster-Hop muster_hop Muster-Target muster_target
  X-Forwarded-For X_Forwarded_For X-Forwarded-Client-Cert X-Forwarded-Tls-Client-Cert Forwarded X-Real-IP
  Traceparent tracestate TRACEPARENT baggage
  X-SSL-Client-Cert X-SSL-Cert SSL-Client-Cert SSL_CLIENT_CERT X-Client-Cert X-Amzn-Mtls-Clientcert X-ARR-ClientCert
  X-Topic X-Connector X-Timeout X-Call-Id X-Authority X-Authority-0 X-Controller-Id X-Ssl-Client-Cn
  X-Ssl-Issuer-Hash-1`.split(/\s+/)

export const HTTP_CASES: readonly Case[] = [
  [
    'what only the edge may say is removed, in both spellings',
    async (edge) => {
      for (const spell of [(name: string) => name, (name: string) => name.replaceAll('-', '_')]) {
        const headers = FORBIDDEN.map((name) => `${spell(name)}: EVIL\r\n`).join('')
        const it = await seen(edge.get(`${EST}x`, headers))
        assert.ok(it.proven)
        assert.ok(!JSON.stringify(it.headers).includes('EVIL'))
      }
    },
  ],

  [
    'Connection cannot name our headers',
    async (edge) => {
      const headers = 'Connection: close, Client-Cert, Muster-Hop, X-Forwarded-For\r\n'
      const it = await seen(edge.get(`${EST}x`, headers, { as: 'dev1' }))
      assert.deepEqual([it.proven, it.verdict], [true, 'ok'])
      assert.ok(!it.headers.some(([name]) => name === 'connection'))
    },
  ],

  [
    'the time of the hop is now; ids differ',
    async (edge) => {
      const [one, two] = [await seen(edge.get(`${EST}x`)), await seen(edge.get(`${EST}x`))]
      assert.ok(Math.abs(Date.now() - one.time) < 5000)
      assert.notEqual(one.callId, two.callId)
    },
  ],

  [
    'no body: the hash of nothing is signed',
    async (edge) => {
      const it = await seen(edge.post(`${EST}x`, 'Content-Length: 0\r\n'))
      assert.deepEqual([it.proven, it.bodySigned, it.bodyBytes], [true, true, 0])
    },
  ],

  [
    'a body of 16384 bytes is signed',
    async (edge) => {
      const it = await seen(edge.post(`${EST}x`, 'Content-Length: 16384\r\n', 'A'.repeat(16_384)))
      assert.deepEqual([it.proven, it.bodySigned, it.bodyBytes], [true, true, 16_384])
    },
  ],

  [
    'a body of 16385 bytes to est: 413, before it is sent',
    async (edge) => {
      const answer = await edge.post(`${EST}x`, 'Content-Length: 16385\r\n')
      assert.equal(answer.status, 413)
      assert.equal(JSON.parse(answer.body).code, 'request.too_large')
    },
  ],

  [
    'a chunked body in two parts is signed',
    async (edge) => {
      const socket = await edge.open()
      socket.write(
        `POST ${EST}x HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`,
      )
      setTimeout(() => socket.write('3\r\nabc\r\n0\r\n\r\n'), 200)
      const it: Seen = JSON.parse((await collect(socket, 700)).body)
      assert.deepEqual([it.proven, it.bodySigned, it.bodyBytes], [true, true, 8])
    },
  ],

  [
    'a chunked body of 16385 bytes to est: 413',
    async (edge) => {
      const body = chunked('A'.repeat(16_385))
      assert.equal((await edge.post(`${EST}x`, 'Transfer-Encoding: chunked\r\n', body)).status, 413)
    },
  ],

  ...(
    [
      ['length', 'Content-Length: 20000\r\n', 'A'.repeat(20_000)],
      ['chunks', 'Transfer-Encoding: chunked\r\n', chunked('A'.repeat(20_000))],
    ] as const
  ).map(([kind, header, body]): Case => [
    `20,000 bytes by ${kind} to a shadow: body unsigned, hop holds`,
    async (edge) => {
      const it = await seen(edge.post('/api/v1/devices/d1/shadow', header, body))
      assert.deepEqual([it.proven, it.bodySigned, it.bodyBytes], [true, false, 20_000])
    },
  ]),

  [
    'a chunked body past the limit of a route that may be large: 413',
    async (edge) => {
      const body = chunked('A'.repeat(65_536), 'B')
      const answer = await edge.post('/api/v1/devices', 'Transfer-Encoding: chunked\r\n', body)
      assert.equal(answer.status, 413)
    },
  ],

  [
    '8 MiB stream through; the connection serves on',
    async (edge) => {
      const socket = await edge.open()
      const size = 8 * 1024 * 1024
      socket.write(
        `PUT /api/v1/uploads/u/parts/1 HTTP/1.1\r\n${HOST}Content-Length: ${size}\r\n\r\n`,
      )
      socket.write(Buffer.alloc(size, 65))
      socket.write(`GET ${EST}second HTTP/1.1\r\n${HOST}\r\n`)
      const { text } = await collect(socket, 1500, 1500)
      assert.match(text, new RegExp(`"bodyBytes":${size}`))
      assert.match(text, /est\/second/)
    },
  ],

  [
    'a function that answers before it read the body: the answer arrives, the connection serves on',
    async (edge) => {
      const socket = await edge.open()
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
    },
  ],

  [
    'the content type is signed, commas and all; two, or two hosts: 400',
    async (edge) => {
      assert.ok((await seen(edge.get(`${EST}x`, 'Content-Type: a/b; c="d, e"\r\n'))).proven)
      const twice = 'Content-Type: a/b\r\nContent-Type: c/d\r\n'
      assert.equal((await edge.get(`${EST}x`, twice)).status, 400)
      assert.equal((await edge.get(`${EST}x`, 'Host: other\r\n')).status, 400)
    },
  ],

  [
    'every function has its own key',
    async (edge) => {
      for (const [target, name] of [
        ['/scep?x', 'est'],
        ['/pki/x', 'pki'],
        ['/api/v1/enroll', 'enroll'],
        ['/api/v1/devices/a/shadow?name=n', 'shadow-update'],
        ['/api/v1/devices', 'register'],
        ['/api/v1/keys', 'ota'],
        ['/', 'console'],
      ] as const) {
        const it = await seen(edge.get(target))
        assert.deepEqual([it.functionName, it.proven], [name, true], target)
      }
    },
  ],

  [
    'Expect: 100-continue is answered before the body; 413 instead of it',
    async (edge) => {
      const expect = 'Expect: 100-continue\r\n'
      const answer = await edge.post(`${EST}x`, `${expect}Content-Length: 5\r\n`)
      assert.match(answer.text, /^HTTP\/1.1 100 /)
      const large = await edge.post(`${EST}x`, `${expect}Content-Length: 16385\r\n`)
      assert.equal(large.status, 413)
    },
  ],

  [
    'EST answer: header case, length, not chunked, head below 1 KiB',
    async (edge) => {
      const { text } = await edge.get(`${EST}x?answer=est`)
      assert.match(text, /\r\nContent-Type: application\/pkcs7-mime; smime-type=certs-only\r\n/)
      assert.match(text, /\r\nContent-Length: 8\r\n/)
      assert.match(text, /\r\nContent-Transfer-Encoding: base64\r\n/)
      assert.doesNotMatch(text, /chunked/i)
      assert.ok(text.indexOf('\r\n\r\n') < 1024)
    },
  ],

  [
    '401: WWW-Authenticate in that case, empty',
    async (edge) => {
      const { text } = await edge.get(`${EST}x?answer=401`)
      assert.match(text, /\r\nWWW-Authenticate: Basic realm="est"\r\n/)
      assert.match(text, /\r\nContent-Length: 0\r\n/)
    },
  ],

  [
    '202: Retry-After, empty',
    async (edge) => {
      const { text } = await edge.get(`${EST}x?answer=202`)
      assert.match(text, /\r\nRetry-After: 7\r\n/)
      assert.match(text, /\r\nContent-Length: 0\r\n/)
    },
  ],

  [
    'HTTP/1.0 without Host: answered, closed',
    async (edge) => {
      const { status, end } = await edge.send(`GET ${EST}x?answer=est HTTP/1.0\r\n\r\n`)
      assert.deepEqual([status, end], [200, 'closed'])
    },
  ],

  [
    'HTTP/1.0 never gets chunks, streamed answers neither',
    async (edge) => {
      for (const target of [`${EST}x`, '/api/v1/artifacts/1/content']) {
        const { text, end } = await edge.send(`GET ${target}?answer=chunked HTTP/1.0\r\n\r\n`)
        assert.doesNotMatch(text, /chunked/i)
        assert.ok(text.endsWith('\r\n\r\nab'))
        assert.equal(end, 'closed')
      }
    },
  ],

  [
    'an answer that breaks off ends the connection before its last byte',
    async (edge) => {
      const { text, end } = await edge.get('/api/v1/artifacts/1/content?answer=broken')
      assert.match(text, /\r\nContent-Length: 2\r\n/)
      assert.match(text, /\r\n\r\na?$/)
      assert.notEqual(end, 'open')
    },
  ],

  [
    'events: each arrives at once; the stream ends when its reader goes',
    async (edge) => {
      const socket = await edge.open()
      socket.write(`GET /api/v1/artifacts/1/content?answer=endless HTTP/1.1\r\n${HOST}\r\n`)
      let text = ''
      socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
      const began = /\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n/
      await until('the first event is there while the stream goes on', () => began.test(text))
      socket.destroy()
      await until('the stream is cancelled', () => cancelled.length === 1)
    },
  ],

  [
    'HEAD: the head of GET, no body',
    async (edge) => {
      const { status, body } = await edge.send(`HEAD ${EST}x?answer=est HTTP/1.1\r\n${HOST}\r\n`)
      assert.deepEqual([status, body], [200, ''])
    },
  ],

  [
    'Connection: close is obeyed',
    async (edge) => {
      assert.equal((await edge.get(`${EST}x`, 'Connection: close\r\n')).end, 'closed')
    },
  ],

  [
    '%2F, //, .. and %00 reach the function as sent',
    async (edge) => {
      const target = `${EST}a%2Fb//c/../d%00?q=%2f+%0A`
      const it = await seen(edge.get(target))
      assert.deepEqual([it.target, it.functionName, it.proven], [target, 'est', true])
    },
  ],

  [
    'OCSP by GET with / and + inside',
    async (edge) => {
      const target = '/pki/ocsp/MFEwTzBNMEswSTAJ//a+b%2Fc=='
      const it = await seen(edge.get(target))
      assert.deepEqual([it.target, it.functionName], [target, 'pki'])
    },
  ],

  [
    'SCEP by GET, 12 KiB, with a client certificate',
    async (edge) => {
      const target = `/scep?operation=PKIOperation&message=${'A'.repeat(12_288)}`
      const it = await seen(edge.get(target, '', { as: 'dev1' }))
      assert.deepEqual([it.target, it.proven], [target, true])
    },
  ],

  [
    '20 KiB of path: 414 or 431; 15,000: 414',
    async (edge) => {
      const { status } = await edge.get(`/scep?message=${'A'.repeat(20_000)}`)
      assert.ok(status === 414 || status === 431)
      assert.equal((await edge.get(`/scep?message=${'A'.repeat(15_000)}`)).status, 414)
    },
  ],

  [
    'a head above 16 KiB: 431',
    async (edge) => {
      assert.equal((await edge.get('/', `X-A: ${'A'.repeat(16_384)}\r\n`)).status, 431)
    },
  ],

  [
    'unknown path: 404 problem',
    async (edge) => {
      const answer = await edge.get('/api/v2/devices')
      assert.equal(answer.status, 404)
      assert.match(answer.text, /\r\nContent-Type: application\/problem\+json\r\n/)
      assert.equal(JSON.parse(answer.body).code, 'route.not_found')
    },
  ],

  [
    'absolute form, authority form, asterisk: 400',
    async (edge) => {
      assert.equal((await edge.get(`http://evil${EST}x`)).status, 400)
      assert.equal((await edge.get('*')).status, 400)
      assert.notEqual((await edge.send(`CONNECT evil:443 HTTP/1.1\r\n${HOST}\r\n`)).status, 200)
    },
  ],

  [
    'methods that no function knows: 405, with those that some know',
    async (edge) => {
      const answer = await edge.send(`TRACE ${EST}x HTTP/1.1\r\n${HOST}\r\n`)
      assert.equal(answer.status, 405)
      assert.match(answer.text, /\r\nAllow: GET, HEAD, /)
    },
  ],

  [
    'two Content-Lengths: 400',
    async (edge) => {
      const lengths = 'Content-Length: 5\r\nContent-Length: 6\r\n'
      assert.equal((await edge.post(`${EST}x`, lengths, 'hello!')).status, 400)
    },
  ],

  [
    'Content-Length together with chunks: nothing smuggled, the connection ends',
    async (edge) => {
      const headers = 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n'
      const smuggled = `0\r\n\r\nGET ${EST}smuggled HTTP/1.1\r\n${HOST}\r\n`
      const { text, end } = await edge.post(`${EST}x`, headers, smuggled)
      assert.equal(end, 'closed')
      assert.ok(!text.includes('smuggled'))
    },
  ],
]
