// The stand-in for OpenFaaS' gateway against what the gateway was seen to do (docs/openfaas.md), row by row.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { test } from 'node:test'
import type { Deployment, Provider } from '../support/gateway-stand-in/provider.ts'
import { startGatewayStandIn } from '../support/gateway-stand-in/server.ts'

/** A replica that says which one it is and what reached it. */
async function replica(name: string) {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { url, headers } = request
      response.end(JSON.stringify({ name, url, headers, bytes: Buffer.concat(chunks).length }))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    endpoint: `127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

function provider(endpoints: Record<string, string[]>): Provider & { asked: unknown[] } {
  const deployed = new Map<string, Deployment>()
  const asked: unknown[] = []
  return {
    asked,
    secrets: new Map(),
    list: () =>
      [...deployed.values()].map((each) => Object.assign({ replicas: 2, available: 1 }, each)),
    endpoints: (name) => endpoints[name],
    deploy: (each) => !deployed.has(each.service) && deployed.set(each.service, each) !== undefined,
    update: (each) => deployed.has(each.service),
    scale: (name, replicas) => {
      asked.push({ name, replicas })
      return deployed.has(name)
    },
    remove: (name) => deployed.delete(name),
  }
}

// What a replica says it saw.
// oxlint-disable-next-line typescript/no-explicit-any
type Seen = any
const seen = async (url: string, init?: RequestInit): Promise<Seen> =>
  (await fetch(url, init)).json()

test('ok/replicas-in-turn, headers-added-and-a-given-source-passed-on', async () => {
  await using one = await replica('one')
  await using two = await replica('two')
  const both = [one.endpoint, two.endpoint]
  await using gateway = await startGatewayStandIn({ provider: provider({ f: both }) })
  const url = `${gateway.url}/function/f`
  const headers = { 'x-forwarded-for': '203.0.113.9' }
  const answers = [await seen(url), await seen(url, { headers }), await seen(url)]
  assert.deepEqual(
    answers.map(({ name }) => name),
    ['one', 'two', 'one'],
  )
  const [first, second] = answers
  for (const name of ['x-call-id', 'x-start-time', 'x-forwarded-host', 'x-forwarded-for'])
    assert.equal(typeof first.headers[name], 'string', name)
  assert.equal(second.headers['x-forwarded-for'], '203.0.113.9')
  assert.equal((await fetch(url)).headers.get('x-served-by'), 'openfaas-stand-in')
})

test('ok/%2F-arrives-decoded, and-a-body-of-50-MB-whole', async () => {
  await using one = await replica('one')
  await using gateway = await startGatewayStandIn({ provider: provider({ f: [one.endpoint] }) })
  const url = `${gateway.url}/function/f`
  assert.equal((await seen(`${url}/a%2Fb%24%3Ac%20d?q=%2F`)).url, '/a/b$:c%20d?q=%2F')
  const body = Buffer.alloc(50_000_000)
  assert.equal((await seen(url, { method: 'POST', body })).bytes, body.length)
})

test('fail/two-slashes-and-dots-are-301, so-the-body-is-lost', async () => {
  await using one = await replica('one')
  await using gateway = await startGatewayStandIn({ provider: provider({ f: [one.endpoint] }) })
  for (const [path, to] of [
    ['/function/f//x', '/function/f/x'],
    ['/function/f/a/%2e%2e/b?q=1', '/function/f/b?q=1'],
  ] as const) {
    // As it is: fetch would clean the path itself.
    const { Agent, request } = await import('node:http')
    const sent = request(gateway.url, { path, method: 'POST', agent: new Agent() })
    sent.end('body')
    const [answer] = await once(sent, 'response')
    answer.resume()
    assert.deepEqual([answer.statusCode, answer.headers.location], [301, to])
  }
})

test('fail/no-such-function-404, no-replica-503, a-dead-one-500-in-its-turn', async () => {
  await using one = await replica('one')
  const dead = '127.0.0.1:1'
  const functions = { f: [one.endpoint, dead], none: [] }
  await using gateway = await startGatewayStandIn({ provider: provider(functions) })
  const status = async (name: string) => {
    const answer = await fetch(`${gateway.url}/function/${name}`)
    await answer.arrayBuffer()
    return answer.status
  }
  assert.deepEqual([await status('other'), await status('none')], [404, 503])
  assert.deepEqual([await status('f'), await status('f'), await status('f')], [200, 500, 200])
})

test('ok/deploys-lists-and-scales-for-who-has-the-password', async () => {
  const behind = provider({})
  const credentials = { user: 'admin', password: 'secret' }
  await using gateway = await startGatewayStandIn({ provider: behind, credentials })
  const authorization = `Basic ${Buffer.from('admin:secret').toString('base64')}`
  const ask = async (method: string, path: string, body?: object, known = true) => {
    const answer = await fetch(`${gateway.url}/system/${path}`, {
      method,
      ...(known && { headers: { authorization } }),
      ...(body && { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    return { status: answer.status, text }
  }
  assert.equal((await ask('GET', 'functions', undefined, false)).status, 401)
  const deployment = { service: 'f', image: 'muster/f:1', secrets: ['key'] }
  const refused = await ask('POST', 'functions', deployment)
  assert.deepEqual([refused.status, refused.text], [400, 'unable to find secret: key'])
  assert.equal((await ask('POST', 'secrets', { name: 'key', value: 'v' })).status, 201)
  assert.equal((await ask('POST', 'functions', deployment)).status, 202)
  assert.equal((await ask('POST', 'functions', deployment)).status, 409)
  const [listed] = JSON.parse((await ask('GET', 'functions')).text)
  assert.deepEqual([listed.name, listed.replicas, listed.availableReplicas], ['f', 2, 1])
  assert.equal(
    (await ask('POST', 'scale-function/f', { serviceName: 'f', replicas: 4 })).status,
    202,
  )
  assert.deepEqual(behind.asked, [{ name: 'f', replicas: 4 }])
  assert.equal(
    (await ask('POST', 'scale-function/g', { serviceName: 'g', replicas: 4 })).status,
    404,
  )
  assert.equal((await ask('DELETE', 'functions', { functionName: 'f' })).status, 202)
})
