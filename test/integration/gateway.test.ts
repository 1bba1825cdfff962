// The local gateway: OpenFaaS' path, functions in this process or elsewhere, calls from function to function.
import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import test from 'node:test'
import { DispatchError, type Dispatch } from '../../infra/gateway/dispatch.ts'
import { forwardFunctions } from '../../infra/gateway/forward.ts'
import { startGateway } from '../../infra/gateway/gateway.ts'
import { createInternalCall } from '../../infra/gateway/internal-call.ts'
import { mountFunctions } from '../../infra/gateway/mount.ts'
import { deriveHopKey } from '../../shared/hop/keys.ts'
import { createLogger } from '../../shared/log.ts'
import { HOP_ROOT } from '../support/edge.ts'
import { testVerifier } from '../support/call.ts'
import { freePorts } from '../support/ports.ts'

const log = createLogger('silent')

async function gatewayOf(dispatch: Dispatch) {
  const gateway = await startGateway({ port: 0, dispatch, log })
  return { ...gateway, [Symbol.asyncDispose]: () => gateway.close(200) }
}

const echo: Dispatch = async (name, request) => {
  if (name !== 'echo') throw new DispatchError(404, `no function ${name}`)
  const body = Buffer.from(await request.arrayBuffer())
  const { method, headers } = request
  return Response.json({ method, bytes: body.length, topic: headers.get('x-topic') })
}

test('ok/function-by-name', async () => {
  await using gateway = await gatewayOf(echo)
  for (const path of ['/function/echo', '/function/echo/any%2Fpath', '/function/echo?q']) {
    const init = { method: 'POST', headers: { 'X-Topic': 't' }, body: Buffer.alloc(300_000) }
    const response = await fetch(gateway.url + path, init)
    assert.deepEqual(await response.json(), { method: 'POST', bytes: 300_000, topic: 't' })
  }
  assert.equal(await (await fetch(`${gateway.url}/healthz`)).text(), 'ok\n')
})

test('fail/no-such-function', async () => {
  await using gateway = await gatewayOf(echo)
  for (const path of [
    '/function/other',
    '/function/',
    '/function/echo%2F',
    '/function/Echo',
    '/echo',
    '/',
  ])
    assert.equal((await fetch(gateway.url + path)).status, 404, path)
})

test('fail/function-throws: 500 without its words', async () => {
  await using gateway = await gatewayOf(() => Promise.reject(new Error('secret detail')))
  const response = await fetch(`${gateway.url}/function/echo`)
  assert.equal(response.status, 500)
  assert.ok(!(await response.text()).includes('secret'))
})

test('ok/answer-before-the-body-is-read', async () => {
  await using gateway = await gatewayOf(async () => new Response('no', { status: 401 }))
  for (let round = 0; round < 5; round += 1) {
    const body = Buffer.alloc(200_000)
    const response = await fetch(`${gateway.url}/function/echo`, { method: 'POST', body })
    assert.deepEqual([response.status, await response.text()], [401, 'no'])
  }
})

test('ok/the function learns that its caller went away', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const abort = new AbortController()
  await using gateway = await gatewayOf(
    (_name, request) =>
      new Promise((answer) => {
        request.signal.addEventListener('abort', () => {
          resolve()
          answer(new Response())
        })
        // Not by time: a caller that is gone before it was heard is nobody's.
        abort.abort()
      }),
  )
  await assert.rejects(fetch(`${gateway.url}/function/echo`, { signal: abort.signal }))
  await promise
})

/** A process of one function, as far as HTTP goes. */
async function functionServer(
  answer: Parameters<typeof createServer>[1],
): Promise<Server & { url: string }> {
  const server = createServer(answer)
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return Object.assign(server, { url: `http://127.0.0.1:${port}/` })
}

test('ok/forwarded: method, headers, bodies both ways, status', async () => {
  const server = await functionServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method, headers } = request
      response.writeHead(418, { 'content-type': 'text/x', 'set-cookie': ['a=1', 'b=2'] })
      response.end(`${method} ${String(headers['muster-target'])} ${Buffer.concat(chunks).length}`)
    })
  })
  const dispatch = forwardFunctions({ urlOf: (name) => (name === 'f' ? server.url : undefined) })
  const body = new Uint8Array(200_000)
  const request = new Request('http://x/', {
    method: 'PUT',
    headers: { 'Muster-Target': '/a' },
    body,
  })
  const response = await dispatch('f', request)
  assert.equal(response.status, 418)
  assert.deepEqual(response.headers.getSetCookie(), ['a=1', 'b=2'])
  assert.equal(await response.text(), 'PUT /a 200000')
  await assert.rejects(dispatch('g', new Request('http://x/')), { status: 404 })
  dispatch.close()
  server.close()
})

test('ok/forwarded-without-body: 204, HEAD', async () => {
  const server = await functionServer((request, response) => {
    if (request.method === 'HEAD') response.writeHead(200, { 'content-length': 5 }).end()
    else response.writeHead(204).end()
  })
  const dispatch = forwardFunctions({ urlOf: () => server.url })
  assert.equal((await dispatch('f', new Request('http://x/'))).status, 204)
  const head = await dispatch('f', new Request('http://x/', { method: 'HEAD' }))
  assert.deepEqual([head.status, head.headers.get('content-length')], [200, '5'])
  await head.arrayBuffer()
  dispatch.close()
  server.close()
})

test('fail/forwarded-to-nobody, to one that is silent, to one that breaks off', async () => {
  const [port = 0] = await freePorts(1)
  const nobody = forwardFunctions({ urlOf: () => `http://127.0.0.1:${port}/` })
  await assert.rejects(nobody('f', new Request('http://x/')), { status: 502 })
  const server = await functionServer((request, response) => {
    if (request.headers['x-case'] === 'half') {
      response.writeHead(200, { 'content-length': 10 }).write('half')
      setTimeout(() => response.destroy(), 50)
    }
  })
  const silent = forwardFunctions({ urlOf: () => server.url, timeoutMs: 100 })
  await assert.rejects(silent('f', new Request('http://x/')), { status: 502 })
  const half = await silent('f', new Request('http://x/', { headers: { 'x-case': 'half' } }))
  await assert.rejects(half.text())
  for (const dispatch of [nobody, silent]) dispatch.close()
  server.closeAllConnections()
  server.close()
})

test('fail/forwarded-unavailable is 503 with Retry-After at the gateway', async () => {
  const [port = 0] = await freePorts(1)
  const dispatch = forwardFunctions({ urlOf: () => `http://127.0.0.1:${port}/` })
  await using gateway = await gatewayOf(dispatch)
  const response = await fetch(`${gateway.url}/function/f`)
  assert.equal(response.status, 503)
  assert.ok(response.headers.get('retry-after'))
  dispatch.close()
})

test('ok/internal-call is signed by its caller, for its callee', async () => {
  const asked: Request[] = []
  const call = createInternalCall({
    caller: 'enroll',
    keyOf: (callee) => ({ kid: 'k1', key: deriveHopKey(HOP_ROOT, 'enroll', callee) }),
    now: () => new Date(),
    dispatch: async (_name, request) => {
      asked.push(request)
      return new Response('{}')
    },
  })
  await call('pki', '/internal/issue', { device_id: 'd1' })
  await assert.rejects(call('pki', '/api/v1/devices', {}))
  const [request] = asked
  assert.match(request?.headers.get('muster-hop') ?? '', /^1 k1 enroll /)
  assert.equal(request?.headers.get('muster-target'), '/internal/issue')
  // Another root's verifier: the proof is one of this root alone.
  const refused = testVerifier('pki').verify('POST', request?.headers ?? new Headers())
  assert.equal(refused.ok, false)
})

function noHost(): never {
  throw new Error('not reached')
}

test('fail/mount of what is no function', async () => {
  const hop = { kid: 'k1', root: HOP_ROOT }
  await assert.rejects(mountFunctions({ names: ['no-such'], hop, hostOf: noHost }))
})
