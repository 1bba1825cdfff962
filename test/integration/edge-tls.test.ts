// The embedded edge's TLS: the list that every edge must pass, and what is its own.
import assert from 'node:assert/strict'
import { connect as connectTcp } from 'node:net'
import test, { after } from 'node:test'
import { makeClientCertificates } from '../support/client-certificates.ts'
import { EdgeClient, EST, HOST } from '../support/edge-client.ts'
import { TLS_CASES } from '../support/edge-conformance/tls.ts'
import { startTestEdge } from '../support/edge.ts'
import { collect, openTls, sendText } from '../support/wire.ts'

const certificates = makeClientCertificates()
const edge = await startTestEdge(certificates)
const client = new EdgeClient(edge.port, certificates)
after(async () => {
  await edge.close(200)
  certificates[Symbol.dispose]()
})

for (const [name, run] of TLS_CASES) test(name, () => run(client))

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
