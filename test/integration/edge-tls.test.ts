// What every edge must do with TLS, client certificates and slow clients.
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { connect as connectTcp } from 'node:net'
import test, { after } from 'node:test'
import { makeClientCertificates, type LeafName } from '../support/client-certificates.ts'
import { startTestEdge, type Seen } from '../support/edge.ts'
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

test('anonymous: verdict none, no certificate, hop holds', async () => {
  const it = await seen(get(`${EST}x`))
  assert.deepEqual(
    [it.proven, it.verdict, it.certificate, it.functionName, it.source],
    [true, 'none', '', 'est', '127.0.0.1'],
  )
})

for (const as of ['dev1', 'dev2', 'claim1', 'idevid'] as const)
  test(`${as}: verdict ok, the certificate's bytes exactly`, async () => {
    const it = await seen(get(`${EST}x`, '', { as }))
    const { raw } = new X509Certificate(certificates.leaf(as).cert)
    assert.deepEqual([it.proven, it.verdict, it.certificate], [true, 'ok', raw.toString('base64')])
  })

test('expired, of an authority of ours: verdict expired', async () => {
  const it = await seen(get(`${EST}x`, '', { as: 'expired' }))
  assert.deepEqual([it.proven, it.verdict], [true, 'expired'])
})

for (const as of [
  'revoked',
  'revokedExpired',
  'future',
  'foreign1',
  'foreignExpired',
  'selfSignedExpired',
  'forged',
  'forgedExpired',
  'serverAuth',
] as const)
  test(`${as}: verdict bad`, async () => {
    assert.equal((await seen(get(`${EST}x`, '', { as }))).verdict, 'bad')
  })

test("TLS 1.2: tls-unique is the client's own", async () => {
  const socket = await openTls({ port: edge.port, tls: { maxVersion: 'TLSv1.2' } })
  const finished = socket.getFinished()?.toString('base64')
  socket.write(`GET ${EST}x HTTP/1.1\r\n${HOST}\r\n`)
  const it: Seen = JSON.parse((await collect(socket, 400)).body)
  assert.deepEqual([it.binding, it.proven], [finished, true])
})

test("TLS 1.2 resumed: tls-unique is the server's Finished", async () => {
  const tls = { maxVersion: 'TLSv1.2' } as const
  const first = await openTls({ port: edge.port, tls })
  const session = first.getSession()
  first.destroy()
  assert.ok(session)
  const socket = await openTls({ port: edge.port, tls: { ...tls, session } })
  assert.ok(socket.isSessionReused())
  const finished = socket.getPeerFinished()?.toString('base64')
  socket.write(`GET ${EST}x HTTP/1.1\r\n${HOST}\r\n`)
  const it: Seen = JSON.parse((await collect(socket, 400)).body)
  assert.deepEqual([it.binding, it.proven], [finished, true])
})

test('TLS 1.3: no binding', async () => {
  assert.equal((await seen(get(`${EST}x`))).binding, '')
})

test('a resumed connection is judged anew', async () => {
  const identity = certificates.leaf('dev1')
  const tls = { maxVersion: 'TLSv1.2' } as const
  const first = await openTls({ port: edge.port, identity, tls })
  const session = first.getSession()
  first.destroy()
  const socket = await openTls({ port: edge.port, tls: { ...tls, ...(session && { session }) } })
  assert.ok(socket.isSessionReused())
  socket.write(`GET ${EST}x HTTP/1.1\r\n${HOST}\r\n`)
  const it: Seen = JSON.parse((await collect(socket, 400)).body)
  assert.equal(it.verdict, 'ok')
})

for (const protocols of [undefined, ['http/1.1'], ['h2', 'http/1.1'], ['x-amzn-http-ca']])
  test(`ALPN ${protocols?.join(' ') ?? 'none'}: connects`, async () => {
    const tls = protocols ? { ALPNProtocols: protocols } : {}
    const socket = await openTls({ port: edge.port, tls })
    socket.destroy()
    assert.ok(socket.alpnProtocol === false || socket.alpnProtocol === 'http/1.1')
  })

test('TLS 1.1: refused', async () => {
  const tls = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
  assert.match((await get('/', '', { tls })).end, /^E/)
})

test('TLS 1.2 without forward secrecy, or without AEAD: refused', async () => {
  for (const ciphers of ['AES128-GCM-SHA256', 'ECDHE-ECDSA-AES128-SHA256'])
    assert.match((await get('/', '', { tls: { maxVersion: 'TLSv1.2', ciphers } })).end, /^E/)
})

test('no SNI, foreign SNI: served', async () => {
  for (const servername of ['', 'other.example'])
    assert.equal((await get('/', '', { tls: { servername } })).status, 200)
})

test('a new server certificate is taken by reload; open connections stay, sessions resume', async () => {
  let served = certificates.server
  await using changing = await startTestEdge(certificates, { certificate: async () => served })
  const { port } = changing
  const before = await openTls({ port, tls: { maxVersion: 'TLSv1.2' } })
  const session = before.getSession()
  served = certificates.leaf('serverAuth')
  await changing.reload()
  before.write(`GET / HTTP/1.1\r\n${HOST}\r\n`)
  assert.equal((await collect(before, 400)).status, 200)
  const after1 = await openTls({ port })
  assert.equal(after1.getPeerCertificate().subject.CN, 'dev-1')
  after1.destroy()
  const tls = { maxVersion: 'TLSv1.2', ...(session && { session }) } as const
  const resumed = await openTls({ port, tls })
  assert.ok(resumed.isSessionReused())
  resumed.destroy()
})

test('slow clients: silent, half a hello, silent after it, dribbled head and body all end', async () => {
  const body = { milliseconds: 1000, bytes: 1024 }
  const times = { handshakeMs: 1000, headMs: 1000, body }
  await using quick = await startTestEdge(certificates, { times })
  const { port } = quick
  const started = performance.now()
  const tcp = (bytes?: Buffer) =>
    new Promise<void>((resolve) => {
      const socket = connectTcp(port, '127.0.0.1', () => bytes && socket.write(bytes))
      socket.on('error', () => undefined).on('close', () => resolve())
      socket.resume()
    })
  const dribble = async (head: string, bit: string) => {
    const socket = await openTls({ port })
    if (head) socket.write(head)
    const timer = bit ? setInterval(() => socket.write(bit), 200) : undefined
    const { status } = await collect(socket, 8000)
    clearInterval(timer)
    return status
  }
  const upload = `PUT /api/v1/uploads/u/parts/1 HTTP/1.1\r\n${HOST}Content-Length: 100000\r\n\r\n`
  const [, , silent, head, gathered, streamed] = await Promise.all([
    tcp(),
    tcp(Buffer.from('160301020001', 'hex')),
    dribble('', ''),
    dribble(`GET ${EST}x HTTP/1.1\r\n`, 'X-A: b\r\n'),
    dribble(`POST ${EST}x HTTP/1.1\r\n${HOST}Content-Length: 1000\r\n\r\n`, 'A'),
    dribble(upload, 'A'),
  ])
  assert.deepEqual([silent, head, gathered, streamed], [408, 408, 408, 408])
  assert.ok(performance.now() - started < 7500)
})

test('close lets a request under way finish', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const closing = await startTestEdge(certificates, {
    dispatch: async () => {
      await promise
      return new Response('done')
    },
  })
  const answer = sendText(`GET / HTTP/1.1\r\n${HOST}\r\n`, { port: closing.port, waitMs: 1000 })
  setTimeout(resolve, 300)
  await new Promise((later) => setTimeout(later, 100))
  await closing.close(2000)
  assert.equal((await answer).body, 'done')
})
