import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { test } from 'node:test'
import { createDeps, type Deps } from '../../functions/admin/deps.ts'
import { handler } from '../../functions/admin/handler.ts'
import { emit } from '../../shared/event/emit.ts'
import { signedRequest } from '../support/call.ts'
import { asker, functionHost, type Ask } from '../support/function-host.ts'
import { insertToken } from '../support/operator.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'
import { settled } from '../support/settled.ts'

const WEBHOOKS = '/api/v1/webhooks'

interface Received {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

interface Started extends AsyncDisposable {
  readonly cloned: TestDatabase
  readonly deps: Deps
  readonly ask: Ask
  readonly received: Received[]
  readonly url: string
  status: number
  now: number
  readonly tick: () => Promise<void>
}

async function start(env: Record<string, string> = {}): Promise<Started> {
  const cloned = await cloneDatabase()
  const received: Received[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      received.push({ headers: request.headers, body })
      response.writeHead(started.status, { location: `${started.url}/elsewhere` }).end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  const clock = { now: () => new Date(started.now) }
  const secrets = { kek: Buffer.alloc(32, 7) }
  const deps = await createDeps(functionHost('admin', cloned, { secrets, clock, env }))
  const token = await insertToken(cloned.db, 'ops', ['admin'])
  const started: Started = {
    cloned,
    deps,
    received,
    ask: asker('admin', handler, deps, token),
    url: `http://127.0.0.1:${port}`,
    status: 204,
    now: Date.now(),
    tick: async () => {
      await settled(cloned.db)
      const request = signedRequest('admin', '/cron?tick=1', {
        caller: 'connector',
        method: 'POST',
      })
      assert.equal((await handler(request, deps)).status, 204)
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await cloned[Symbol.asyncDispose]()
    },
  }
  return started
}

const signature = (secret: string, { headers, body }: Received): string => {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
  const text = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`
  return `v1,${createHmac('sha256', key).update(text).digest('base64')}`
}

test('fail/loopback where not everything runs on one machine', async () => {
  await using started = await start({ GATEWAY_URL: 'http://gateway:8080' })
  const { ask, url, cloned } = started
  const made = await ask('POST', WEBHOOKS, { body: { url } })
  assert.deepEqual([made.status, made.json.code], [400, 'webhook.forbidden'])
  // By name it is found out when it is connected to.
  const named = await ask('POST', WEBHOOKS, {
    body: { url: url.replace('127.0.0.1', 'localhost') },
  })
  assert.equal(named.status, 201)
  const tested = await ask('POST', `${WEBHOOKS}/${named.json.id}/test`)
  assert.deepEqual(
    [tested.json.delivered, tested.json.problem],
    [false, 'this address is not reached'],
  )
  assert.equal(started.received.length, 0)
  assert.deepEqual(await cloned.db.unnamed('x', 'select 1 from webhook_retries', []), [])
})

test('ok/events arrive once, signed, those that are wanted, with two secrets while one is changed', async () => {
  await using started = await start()
  const { ask, url, cloned, received, tick } = started
  await emit(cloned.db, { kind: 'device.before' })
  const made = await ask('POST', WEBHOOKS, { body: { url, kinds: ['device'] } })
  assert.match(made.json.secret, /^whsec_/)
  assert.equal((await ask('GET', `${WEBHOOKS}/${made.json.id}`)).json.secret, undefined)
  await emit(cloned.db, { kind: 'device.suspended', payload: { why: 'x' } })
  await emit(cloned.db, { kind: 'rollout.started' })
  await tick()
  await tick()
  assert.equal(received.length, 1)
  const [first] = received
  assert.ok(first)
  assert.equal(first.headers['webhook-signature'], signature(made.json.secret, first))
  const body: { type: string; data: { why: string } } = JSON.parse(first.body)
  assert.deepEqual([body.type, body.data.why], ['device.suspended', 'x'])

  const rotated = await ask('PATCH', `${WEBHOOKS}/${made.json.id}`, {
    body: { rotate_secret: true },
  })
  assert.equal(rotated.json.rotating, true)
  await ask('POST', `${WEBHOOKS}/${made.json.id}/test`)
  const [, second] = received
  assert.ok(second)
  const both = `${signature(rotated.json.secret, second)} ${signature(made.json.secret, second)}`
  assert.equal(second.headers['webhook-signature'], both)
  const [row] = await cloned.db.unnamed<{ text: string }>(
    'x',
    'select w::text as text from webhooks w',
    [],
  )
  const key = Buffer.from(made.json.secret.replace('whsec_', ''), 'base64').toString('hex')
  assert.equal(row?.text.includes(key), false)
})

test('ok/what fails is tried again for three days, a redirect is a failure, 410 ends it', async () => {
  await using started = await start()
  const { ask, url, cloned, received, tick } = started
  const made = await ask('POST', WEBHOOKS, { body: { url } })
  const path = `${WEBHOOKS}/${made.json.id}`
  started.status = 302
  await emit(cloned.db, { kind: 'device.a' })
  await emit(cloned.db, { kind: 'device.b' })
  await tick()
  assert.equal(received.length, 1)
  const waiting = await ask('GET', `${path}/deliveries`)
  assert.deepEqual([waiting.json.items.length, waiting.json.items[0].attempts], [2, 1])
  started.status = 200
  await tick()
  assert.equal(received.length, 1)
  started.now += 31_000
  await tick()
  assert.equal(received.length, 3)
  const ids = received.map(({ headers }) => headers['webhook-id'])
  assert.equal(new Set(ids).size, 2)
  assert.equal((await ask('GET', path)).json.waiting, 0)

  started.status = 500
  await emit(cloned.db, { kind: 'device.c' })
  await tick()
  assert.equal((await ask('POST', `${path}/redeliver`)).json.deliveries, 1)
  started.status = 410
  await tick()
  const gone = await ask('GET', path)
  assert.deepEqual([gone.json.enabled, gone.json.waiting], [false, 0])
  const before = received.length
  await emit(cloned.db, { kind: 'device.d' })
  await tick()
  assert.equal(received.length, before)
  started.status = 200
  await ask('PATCH', path, { body: { enabled: true } })
  await emit(cloned.db, { kind: 'device.e' })
  await tick()
  assert.match(received.at(-1)?.body ?? '', /device\.e/)
  assert.equal(received.length, before + 1)
  assert.equal((await ask('DELETE', path)).status, 204)
  assert.equal((await ask('GET', path)).status, 404)
})
