import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signedRequest, testVerifier, type TestCall } from '../../test/support/call.ts'
import { systemClock } from '../clock.ts'
import { DomainError } from '../errors.ts'
import { createLogger } from '../log.ts'
import type { Identity } from './call.ts'
import { functionApp } from './function-app.ts'
import { serve, type ServeDeps } from './serve.ts'

const READER: Identity = { kind: 'operator', actor: 'token r', tokenId: 'r', scope: ['read'] }

function subject(identity: Identity = { kind: 'none' }) {
  const deps: ServeDeps = {
    hop: testVerifier('register'),
    log: createLogger('silent'),
    clock: systemClock,
  }
  const app = functionApp<ServeDeps>()
  app.get('/api/v1/devices', (c) => c.json({ callId: c.var.call.callId }))
  app.post('/api/v1/devices', async (c) => c.json(await c.req.json()))
  app.get('/api/v1/groups', () => {
    throw new Error('a secret reason')
  })
  app.post('/cron', (c) => c.json({ tick: c.req.query('tick') }))
  const handler = serve('register', app, { identify: async () => identity })
  return async (target: string, call?: TestCall) => {
    const response = await handler(signedRequest('register', target, call), deps)
    const text = await response.text()
    return { status: response.status, text, headers: response.headers }
  }
}

const codeOf = (text: string) => (JSON.parse(text) as { code: string }).code

test('fail/no proof is 401 and leaves the body unread', async () => {
  const app = functionApp<ServeDeps>()
  const handler = serve('register', app, { identify: async () => READER })
  const request = new Request('http://x/api/v1/devices', { method: 'POST', body: '{}' })
  const deps = { hop: testVerifier('register'), log: createLogger('silent'), clock: systemClock }
  const response = await handler(request, deps)
  assert.equal(response.status, 401)
  assert.equal(request.bodyUsed, false)
})

test('fail/no identity is 401, too low a scope 403', async () => {
  assert.equal((await subject()('/api/v1/devices')).status, 401)
  const low = await subject(READER)('/api/v1/devices', { body: {} })
  assert.deepEqual([low.status, codeOf(low.text)], [403, 'auth.scope_missing'])
})

test('fail/another function, an unknown path and a wrong method', async () => {
  const ask = subject(READER)
  assert.equal((await ask('/api/v1/tokens')).status, 404)
  assert.equal((await ask('/api/v1/nothing')).status, 404)
  const wrong = await ask('/api/v1/devices', { method: 'DELETE' })
  assert.deepEqual([wrong.status, wrong.headers.get('allow')], [405, 'GET, POST, HEAD'])
})

test('fail/the edge cannot ask inner targets, the connector no public ones', async () => {
  const ask = subject(READER)
  assert.equal((await ask('/cron?tick=1', { body: '' })).status, 403)
  assert.equal((await ask('/api/v1/devices', { caller: 'connector' })).status, 403)
  const cron = await ask('/cron?tick=17', { caller: 'connector', method: 'POST' })
  assert.deepEqual([cron.status, cron.text], [200, '{"tick":"17"}'])
})

test('fail/deep, malformed, encoded and too large bodies', async () => {
  const operator: Identity = { ...READER, scope: ['operate'] }
  const ask = subject(operator)
  const deep = await ask('/api/v1/devices', { body: '['.repeat(10_000) })
  assert.deepEqual([deep.status, codeOf(deep.text)], [400, 'request.malformed'])
  const bad = await ask('/api/v1/devices', { body: '{"a":' })
  assert.deepEqual([bad.status, codeOf(bad.text)], [400, 'request.malformed'])
  const gzip = await ask('/api/v1/devices', { body: {}, headers: { 'content-encoding': 'gzip' } })
  assert.equal(gzip.status, 415)
  const large = await ask('/api/v1/devices', { body: `"${'x'.repeat(70_000)}"` })
  assert.equal(large.status, 413)
})

test('fail/an unknown error is 500 without its reason', async () => {
  const failed = await subject(READER)('/api/v1/groups')
  assert.equal(failed.status, 500)
  assert.doesNotMatch(failed.text, /secret/)
})

test('fail/a suspended device is told so', async () => {
  const identity = { kind: 'device', deviceId: 'd1', serial: '01', status: 'suspended' } as const
  const app = functionApp<ServeDeps>()
  const handler = serve<ServeDeps>('shadow-update', app, {
    identify: async () => identity as Identity,
  })
  const deps = {
    hop: testVerifier('shadow-update'),
    log: createLogger('silent'),
    clock: systemClock,
  }
  const own = await handler(signedRequest('shadow-update', '/api/v1/devices/d1/shadow'), deps)
  assert.deepEqual([own.status, codeOf(await own.text())], [403, 'device.suspended'])
})

test('ok/an allowed call sees its call id and the signed target', async () => {
  const answer = await subject(READER)('/api/v1/devices')
  assert.equal(answer.status, 200)
  assert.match(answer.text, /"callId":"[0-9a-f-]{36}"/)
})

test('ok/a refusal carries its details and no cause', async () => {
  const error = new DomainError('rate.limited', { retry_after_seconds: 7 }, { cause: 'private' })
  const { problemResponse } = await import('./problem.ts')
  const response = problemResponse(error, 'c1')
  assert.equal(response.headers.get('retry-after'), '7')
  assert.doesNotMatch(await response.text(), /private/)
})
