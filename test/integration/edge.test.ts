// The embedded edge: the list that every edge must pass, and what is its own.
import assert from 'node:assert/strict'
import test, { after } from 'node:test'
import { makeClientCertificates } from '../support/client-certificates.ts'
import { chunked, EdgeClient, EST, HOST } from '../support/edge-client.ts'
import { HEAD_CASES } from '../support/edge-conformance/heads.ts'
import { HTTP_CASES } from '../support/edge-conformance/http.ts'
import { startTestEdge } from '../support/edge.ts'
import { sendText } from '../support/wire.ts'

const certificates = makeClientCertificates()
const edge = await startTestEdge(certificates)
const client = new EdgeClient(edge.port, certificates)
after(async () => {
  await edge.close(200)
  certificates[Symbol.dispose]()
})

for (const [name, run] of [...HTTP_CASES, ...HEAD_CASES]) test(name, () => run(client))

test('a body in chunks past its limit: 413 by the edge itself', async () => {
  await using alone = await startTestEdge(certificates, {
    dispatch: async (_name, request) => new Response(String((await request.text()).length)),
  })
  const body = chunked('A'.repeat(65_536), 'B')
  const asked = new EdgeClient(alone.port, certificates)
  const answer = await asked.post('/api/v1/devices', 'Transfer-Encoding: chunked\r\n', body)
  assert.equal(answer.status, 413)
})

test('Content-Length together with chunks, a second Host of the same name, bare LF: 400', async () => {
  const both = 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n'
  assert.equal((await client.post(`${EST}x`, both, '0\r\n\r\n')).status, 400)
  assert.equal((await client.get(`${EST}x`, HOST)).status, 400)
  assert.equal((await client.send('GET / HTTP/1.1\nHost: a\n\n')).status, 400)
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
