import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDeps } from '../../functions/shadow-update/deps.ts'
import { handler } from '../../functions/shadow-update/handler.ts'
import { signedRequest, type TestCall } from '../support/call.ts'
import { insertCertificate, insertDevice, selfSigned } from '../support/certificate.ts'
import { testHost } from '../support/host.ts'
import { insertToken } from '../support/operator.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'

interface Answer {
  readonly status: number
  readonly body: Record<string, unknown>
  readonly text: string
  readonly headers: Headers
}

async function start(db: TestDatabase) {
  await insertDevice(db.db, 'd1')
  await insertDevice(db.db, 'd2')
  await db.db.unnamed(
    'test',
    `insert into connector_slots (broker, class, holder, epoch, lease_until) values ('local', 'shadow', 'c1', 5, now() + interval '1 hour')`,
    [],
  )
  const deps = await createDeps(testHost('shadow-update', db))
  const token = await insertToken(db.db, 'ops', ['operate'])
  const call = async (target: string, options: TestCall & { patch?: unknown } = {}) => {
    const { patch, ...rest } = options
    const signed = signedRequest('shadow-update', target, {
      ...(patch !== undefined && {
        method: 'PATCH',
        body: typeof patch === 'string' ? patch : JSON.stringify(patch),
      }),
      ...rest,
      headers: {
        ...(rest.certificate === undefined && { authorization: `Bearer ${token}` }),
        ...rest.headers,
      },
    })
    const response = await handler(signed, deps)
    const text = await response.text()
    const body = text === '' ? {} : JSON.parse(text)
    return { status: response.status, body, text, headers: response.headers } satisfies Answer
  }
  return { call, deps }
}

const select = <R>(db: TestDatabase, text: string): Promise<R[]> => db.db.unnamed('test', text, [])
const SHADOW = '/api/v1/devices/d1/shadow'
const desired = (state: object, more: object = {}) => ({ state: { desired: state }, ...more })

test('ok/operator-changes-desired-state', async () => {
  await using db = await cloneDatabase()
  const { call } = await start(db)
  assert.equal((await call(SHADOW)).body['code'], 'shadow.not_found')
  const made = await call(SHADOW, { patch: desired({ interval: 30 }, { clientToken: 't' }) })
  assert.deepEqual(
    [made.status, made.headers.get('etag'), made.body['version'], made.body['clientToken']],
    [200, '"1"', 1, 't'],
  )
  const got = await call(SHADOW)
  assert.deepEqual(got.body['state'], { desired: { interval: 30 }, delta: { interval: 30 } })
  assert.equal(got.headers.get('etag'), '"1"')
  assert.deepEqual(
    await select(db, 'select slot, epoch, device_ids, versions, topic from outbox'),
    [{ slot: 1, epoch: null, device_ids: ['d1'], versions: ['1'], topic: null }],
  )
  assert.deepEqual(
    await select(db, `select actor, verb, target, detail from audit where verb like 'shadow.%'`),
    [
      {
        actor: 'token ops',
        verb: 'shadow.update',
        target: 'd1',
        detail: { shadow: '', version: 1 },
      },
    ],
  )
  const gone = await call(SHADOW, { method: 'DELETE' })
  assert.deepEqual([gone.status, gone.body['version']], [200, 1])
  assert.equal((await call(SHADOW)).status, 404)
})

test('ok/no-slot-served-no-outbox-row', async () => {
  await using db = await cloneDatabase()
  const { call } = await start(db)
  await select(db, `update connector_slots set lease_until = now() - interval '6 minutes'`)
  assert.equal((await call(SHADOW, { patch: desired({ a: 1 }) })).status, 200)
  assert.deepEqual(await select(db, 'select id from outbox'), [])
})

test('fail/versions-and-preconditions', async () => {
  await using db = await cloneDatabase()
  const { call } = await start(db)
  const first = await call(SHADOW, { patch: desired({ a: 1 }), headers: { 'if-match': '"1"' } })
  assert.deepEqual([first.status, first.body['code']], [412, 'request.precondition_failed'])
  await call(SHADOW, { patch: desired({ a: 1 }) })
  const stale = await call(SHADOW, { patch: desired({ a: 2 }, { version: 7 }) })
  assert.deepEqual(
    [stale.status, stale.body['code'], stale.body['current']],
    [409, 'shadow.version_conflict', 1],
  )
  const match = { 'if-match': '"1"' }
  assert.equal((await call(SHADOW, { patch: desired({ a: 2 }), headers: match })).status, 200)
  assert.equal((await call(SHADOW, { patch: desired({ a: 3 }), headers: match })).status, 412)
  assert.equal((await call(SHADOW, { method: 'DELETE', headers: match })).status, 412)
})

test('ok/idempotency-key-one-effect', async () => {
  await using db = await cloneDatabase()
  const { call } = await start(db)
  const headers = { 'idempotency-key': 'k1' }
  const ask = () => call(SHADOW, { patch: desired({ a: 1 }), headers })
  const first = await ask()
  const again = await ask()
  assert.deepEqual([again.status, again.text, again.headers.get('etag')], [200, first.text, '"1"'])
  const other = await call(SHADOW, { patch: desired({ a: 2 }), headers })
  assert.deepEqual([other.status, other.body['code']], [422, 'idempotency.key_reused'])
  const key = { 'idempotency-key': 'k2' }
  const many = await Promise.all(
    Array.from({ length: 20 }, () => call(SHADOW, { patch: desired({ b: 1 }), headers: key })),
  )
  assert.ok(many.every(({ status }) => status === 200 || status === 409))
  assert.equal((await call(SHADOW)).body['version'], 2)
})

test('fail/what-the-body-must-not-be', async () => {
  await using db = await cloneDatabase()
  const { call } = await start(db)
  const cases: [unknown, number, string][] = [
    ['{', 400, 'request.malformed'],
    ['', 400, 'request.malformed'],
    ['[]', 400, 'request.invalid'],
    [{}, 400, 'request.invalid'],
    [{ sate: {} }, 400, 'request.invalid'],
    [desired({}, { verson: 1 }), 400, 'request.invalid'],
    [{ state: { wanted: {} } }, 400, 'request.invalid'],
    [desired({ a: [null] }), 400, 'shadow.invalid'],
    [desired({}, { clientToken: 'ä'.repeat(40) }), 400, 'shadow.invalid'],
    [`${'['.repeat(20)}${']'.repeat(20)}`, 400, 'request.malformed'],
  ]
  for (const [patch, status, code] of cases) {
    const answer = await call(SHADOW, { patch })
    assert.deepEqual([answer.status, answer.body['code']], [status, code], JSON.stringify(patch))
  }
  const plain = await call(SHADOW, { patch: desired({}), type: 'text/plain' })
  assert.equal(plain.status, 415)
  const name = await call(`${SHADOW}/name/a!b`, {})
  assert.deepEqual([name.status, name.body['code']], [400, 'request.invalid'])
  const stranger = await call('/api/v1/devices/nobody/shadow', { patch: desired({}) })
  assert.deepEqual([stranger.status, stranger.body['code']], [404, 'device.not_found'])
  assert.equal((await call('/api/v1/devices/nobody/shadow')).body['code'], 'device.not_found')
  assert.deepEqual(await select(db, 'select from shadow_history'), [])
})

test('ok/a-device-by-its-certificate-speaks-of-what-it-is', async () => {
  await using db = await cloneDatabase()
  const { call } = await start(db)
  const shown = selfSigned('d1')
  await insertCertificate(db.db, 'd1', shown)
  const certificate = shown.der
  const said = await call(SHADOW, { certificate, patch: { state: { reported: { on: true } } } })
  assert.equal(said.status, 200)
  assert.equal((await call(SHADOW, { certificate })).status, 200)
  const refused = await call(SHADOW, { certificate, patch: desired({ on: true }) })
  assert.deepEqual([refused.status, refused.body['code']], [403, 'auth.scope_missing'])
  const cleared = await call(SHADOW, { certificate, patch: { state: null } })
  assert.equal(cleared.status, 403)
  assert.equal((await call('/api/v1/devices/d2/shadow', { certificate })).status, 403)
  assert.equal((await call(SHADOW, { certificate, method: 'DELETE' })).status, 403)
  const [row] = await select<{ actor: string }>(db, 'select actor from shadow_history')
  assert.equal(row?.actor, 'device')
})

test('fail/backlog-refuses-operators', async () => {
  await using db = await cloneDatabase()
  const { call } = await start(db)
  await select(
    db,
    `insert into outbox (slot, device_ids, topic, payload) select 1, '{d1}', 't', '' from generate_series(1, 200000) i`,
  )
  const full = await call(SHADOW, { patch: desired({ a: 1 }) })
  assert.deepEqual([full.status, full.body['code']], [503, 'delivery.backlog'])
  assert.ok(full.headers.get('retry-after'))
})

test('ok/lists-and-history', async () => {
  await using db = await cloneDatabase()
  const { call } = await start(db)
  await call(SHADOW, { patch: desired({ a: 1, b: { c: 1, d: 2 } }) })
  const big = '{"state":{"reported":{"n":12345678901234567890}}}'
  await call(`${SHADOW}/name/net`, { patch: big })
  await call(`${SHADOW}/name/net`, { method: 'DELETE' })
  await call(`${SHADOW}/name/net`, { patch: big })
  const shadows = await call('/api/v1/devices/d1/shadows?limit=1')
  const [classic] = shadows.body['items'] as Record<string, unknown>[]
  assert.deepEqual([classic?.['name'], classic?.['version'], classic?.['differing']], [null, 1, 3])
  const next = await call(`/api/v1/devices/d1/shadows?cursor=${String(shadows.body['next'])}`)
  assert.deepEqual(
    (next.body['items'] as { name: string; version: number }[]).map(({ name, version }) => [
      name,
      version,
    ]),
    [['net', 3]],
  )
  const history = await call(`${SHADOW}/name/net/history`)
  assert.deepEqual(
    (history.body['items'] as Record<string, unknown>[]).map((item) => [
      item['version'],
      item['kind'],
      item['actor'],
    ]),
    [
      [3, 'update', 'token ops'],
      [2, 'delete', 'token ops'],
      [1, 'update', 'token ops'],
    ],
  )
  assert.match(history.text, /12345678901234567890/)
  const page = await call(`${SHADOW}/name/net/history?limit=2`)
  const rest = await call(`${SHADOW}/name/net/history?cursor=${String(page.body['next'])}`)
  assert.deepEqual(
    (rest.body['items'] as { version: number }[]).map(({ version }) => version),
    [1],
  )
  assert.equal((await call('/api/v1/devices/nobody/shadows')).status, 404)
  assert.equal((await call(`${SHADOW}/history?limit=0`)).status, 400)
  assert.equal((await call(`${SHADOW}/history?cursor=x`)).body['code'], 'page.cursor_invalid')
})
