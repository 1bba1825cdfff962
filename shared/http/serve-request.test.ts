import assert from 'node:assert/strict'
import test from 'node:test'
import { signedRequest, testVerifier, type TestCall } from '../../test/support/call.ts'
import { systemClock } from '../clock.ts'
import { DomainError } from '../errors.ts'
import { hashBody, UNSIGNED_BODY } from '../hop/canonical.ts'
import { createLogger } from '../log.ts'
import type { Identity } from './call.ts'
import { functionApp } from './function-app.ts'
import { serve, type ServeDeps } from './serve.ts'

const operator: Identity = { kind: 'operator', actor: 'token a', tokenId: 'a', scope: ['admin'] }
let identity: Identity = operator
const lines: string[] = []
const deps: ServeDeps = {
  hop: testVerifier('register'),
  clock: systemClock,
  log: createLogger('debug', {}, { write: (line: string) => void lines.push(line) }),
}

const app = functionApp<ServeDeps>()
app.get('/api/v1/devices', (c) => c.json({ caller: c.var.call.caller, who: c.var.identity.kind }))
app.get('/api/v1/devices/:id', (c) => c.json({ id: c.req.param('id'), q: c.req.query('q') }))
app.post('/api/v1/devices', async (c) => c.json({ bytes: (await c.req.text()).length }))
app.post('/api/v1/groups', () => {
  throw new DomainError('group.exists', { name: 'g' }, { cause: new Error('for the log') })
})
app.post('/api/v1/groups/:name/devices', () => {
  throw new Error('select secret from x')
})
app.post('/mqtt', (c) => c.json({ topic: c.var.call.topic, who: c.var.identity.kind }))

const handler = serve('register', app, { identify: async () => identity })

async function ask(
  target: string,
  call: TestCall = {},
  change: (r: Request) => Request = (r) => r,
) {
  const response = await handler(change(signedRequest('register', target, call)), deps)
  const text = await response.text()
  const json: Record<string, unknown> = text.startsWith('{') ? JSON.parse(text) : {}
  return { status: response.status, headers: response.headers, json, text }
}

const withHeaders = (headers: Record<string, string>) => (request: Request) => {
  const changed = new Request(request)
  for (const [name, value] of Object.entries(headers)) changed.headers.set(name, value)
  return changed
}

test('ok/identity-and-call-reach-the-app', async () => {
  const { status, json } = await ask('/api/v1/devices')
  assert.deepEqual([status, json], [200, { caller: 'edge', who: 'operator' }])
})

test('ok/the URL is the signed target, decoded once', async () => {
  const { json } = await ask('/api/v1/devices/a%3Ab?q=%3C')
  assert.deepEqual(json, { id: 'a:b', q: '<' })
})

test('fail/without-proof: 401, the body unread', async () => {
  const body = new ReadableStream(
    { pull: () => assert.fail('the body was read') },
    { highWaterMark: 0 },
  )
  const request = new Request('http://x/', { method: 'POST', body, duplex: 'half' })
  const response = await handler(request, deps)
  assert.equal(response.status, 401)
})

const withBody = (body: string) => (request: Request) =>
  new Request(request.url, { method: 'POST', headers: request.headers, body })

test('fail/another-body-than-signed', async () => {
  const { status, json } = await ask('/api/v1/devices', { body: '{"a":1}' }, withBody('{"a":2}'))
  assert.deepEqual([status, json['code']], [401, 'auth.required'])
})

test('fail/unsigned-body-where-none-may-be', async () => {
  const call: TestCall = { method: 'GET', headers: {} }
  const request = signedRequest('register', '/api/v1/devices', call)
  const hop = request.headers.get('muster-hop') ?? ''
  request.headers.set('muster-hop', hop.replace(hashBody(''), UNSIGNED_BODY))
  assert.equal((await handler(request, deps)).status, 401)
})

for (const target of [
  '/api/v1/groups/%2e%2e/devices',
  '/api/v1/groups/../devices',
  '/api/v1/groups/..\\devices',
  '/api/v1/%64evices',
  '/api/v1/devices/%c3%28',
  '/api/v1/devices/%',
  '/api/v1//devices',
  '/api/v1/devices/',
  '/api/v1/audit',
  '/api/v1/devices/%00',
  '/api/v1/devices?q=%00',
  '/nothing',
])
  test(`fail/path ${target}`, async () => {
    const { status, json } = await ask(target, { body: '{}' })
    assert.ok(status === 404 || status === 400, JSON.stringify(json))
  })

test('fail/method: 405 with Allow', async () => {
  const { status, headers } = await ask('/api/v1/devices', { method: 'DELETE' })
  assert.deepEqual([status, headers.get('allow')], [405, 'GET, POST, HEAD'])
})

test('fail/content-encoding, oversize, depth, no UTF-8', async () => {
  const encoded = withHeaders({ 'content-encoding': 'gzip' })
  assert.equal((await ask('/api/v1/devices', { body: '{}' }, encoded)).status, 415)
  assert.equal((await ask('/api/v1/devices', { body: ' '.repeat(65_537) })).status, 413)
  assert.equal((await ask('/api/v1/devices', { body: '['.repeat(17) })).status, 400)
  const broken = Buffer.from([0x22, 0xff, 0x22])
  assert.equal((await ask('/api/v1/devices', { body: broken })).status, 400)
  const text = { body: broken, type: 'application/octet-stream' }
  assert.equal((await ask('/api/v1/devices', text)).status, 200)
})

test('fail/nobody: 401 names the scheme; read scope: 403', async () => {
  identity = { kind: 'none' }
  const nobody = await ask('/api/v1/devices')
  assert.deepEqual([nobody.status, nobody.json['code']], [401, 'auth.required'])
  assert.match(nobody.headers.get('www-authenticate') ?? '', /^Bearer /)
  identity = { kind: 'operator', actor: 'token r', tokenId: 'r', scope: ['read'] }
  const reader = await ask('/api/v1/devices', { body: '{}' })
  assert.deepEqual([reader.status, reader.json['code']], [403, 'auth.scope_missing'])
  identity = operator
})

test('fail/refusal-of-the-domain: problem with call id, cause in the log only', async () => {
  lines.length = 0
  const { status, json, text } = await ask('/api/v1/groups', { body: '{}' })
  assert.deepEqual([status, json['code'], json['name']], [409, 'group.exists', 'g'])
  assert.equal(json['type'], '/errors/group.exists')
  assert.ok(!text.includes('for the log'))
  const line = lines.find((each) => each.includes('for the log')) ?? ''
  assert.ok(line.includes(String(json['call_id'])))
})

test('fail/what-is-no-refusal: 500 without its words', async () => {
  lines.length = 0
  const { status, json, text } = await ask('/api/v1/groups/g/devices', { body: '{}' })
  assert.deepEqual([status, json['code']], [500, 'internal.failure'])
  assert.ok(!text.includes('secret'))
  assert.ok(lines.some((each) => each.includes('select secret')))
})

test('ok/connector: inner targets without identity; fail/anyone-else-there', async () => {
  const call = { caller: 'connector', body: '{}', topic: 'devices/d/status' }
  assert.deepEqual((await ask('/mqtt', call)).json, { topic: 'devices/d/status', who: 'none' })
  assert.equal((await ask('/mqtt', { body: '{}' })).status, 403)
  assert.equal((await ask('/api/v1/devices', { caller: 'connector' })).status, 403)
  assert.equal((await ask('/internal/x', { caller: 'enroll', body: '{}' })).status, 403)
})

test('fail/rate-limited: Retry-After, and no denial of it is recorded twice', async () => {
  const denied: string[] = []
  const limited = serve('register', app, {
    identify: async () => operator,
    admit: async () => {
      throw new DomainError('rate.limited', { retry_after_seconds: 3 })
    },
    denied: async (_call, _identity, error) => void denied.push(error.code),
  })
  const response = await limited(signedRequest('register', '/api/v1/devices'), deps)
  assert.deepEqual([response.status, response.headers.get('retry-after')], [429, '3'])
  assert.deepEqual(denied, ['rate.limited'])
})
