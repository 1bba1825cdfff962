import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDeps } from '../../functions/shadow-update/deps.ts'
import { handler } from '../../functions/shadow-update/handler.ts'
import { readQuery, selectDevices } from '../../shared/device/selection.ts'
import { signedRequest } from '../support/call.ts'
import { insertDevice } from '../support/certificate.ts'
import { testHost } from '../support/host.ts'
import { createSender, type TestMessage } from '../support/messages.ts'
import { insertToken } from '../support/operator.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'

async function start(db: TestDatabase, devices: readonly string[] = []) {
  for (const id of devices) await insertDevice(db.db, id, { firmwareVer: '' })
  const deps = await createDeps(testHost('shadow-update', db))
  const other = await createDeps(testHost('shadow-update', db))
  const token = await insertToken(db.db, 'ops', ['operate'])
  const sender = createSender(1)
  const call = async (target: string, method = 'GET', body?: unknown) => {
    const options = {
      method,
      headers: { authorization: `Bearer ${token}` },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    }
    const response = await handler(signedRequest('shadow-update', target, options), deps)
    const text = await response.text()
    return { status: response.status, body: text === '' ? {} : JSON.parse(text) }
  }
  return {
    call,
    send: (...messages: TestMessage[]) => sender.send('shadow-update', handler, deps, messages),
    /** By another instance. */
    sendToOther: (...messages: TestMessage[]) =>
      sender.send('shadow-update', handler, other, messages),
    tick: async () => {
      const request = signedRequest('shadow-update', '/cron?tick=1', {
        caller: 'connector',
        method: 'POST',
      })
      assert.equal((await handler(request, deps)).status, 204)
    },
    select: async (q: string) =>
      selectDevices(db.db, (await readQuery(db.db, q)).query, { now: new Date(), limit: 1000 }),
  }
}

const update = (id: string, reported: object): TestMessage => ({
  topic: `devices/${id}/shadow/update`,
  payload: { state: { reported } },
})

const facts = (db: TestDatabase) =>
  db.db.unnamed<{ device_id: string; t: string; n: number | null }>(
    'test',
    'select device_id, t, n from device_facts order by device_id, t',
    [],
  )

test('ok/declare-backfill-query-change', async () => {
  await using db = await cloneDatabase()
  const { call, send, sendToOther, tick, select } = await start(db, ['d1', 'd2', 'd3'])
  await send(update('d1', { temp: 20 }), update('d2', { temp: 'warm' }), update('d3', { x: 1 }))
  const made = await call('/api/v1/indexes', 'POST', {
    name: 'shadow.reported.temp',
    type: 'number',
  })
  assert.deepEqual([made.status, made.body.ready], [201, false])
  await assert.rejects(select('shadow.reported.temp > 10'), { code: 'query.undeclared' })
  // An instance that does not know of it yet finds out by its first write.
  await sendToOther(update('d3', { temp: 30 }))
  await tick()
  assert.deepEqual(
    (await facts(db)).map(({ device_id, t, n }) => [device_id, t, n]),
    [
      ['d1', '20', 20],
      ['d2', '\u0001', null],
      ['d3', '30', 30],
    ],
  )
  const shown = await call('/api/v1/indexes/shadow.reported.temp')
  assert.equal(shown.body.ready, true)
  assert.deepEqual(await select('shadow.reported.temp > 25'), ['d3'])
  assert.deepEqual(await select('shadow.reported.temp exists'), ['d1', 'd2', 'd3'])
  await send(update('d3', { temp: [1, 2, 2] }), update('d1', { temp: null }))
  assert.deepEqual(
    (await facts(db)).map(({ device_id, t }) => [device_id, t]),
    [
      ['d2', '\u0001'],
      ['d3', '1'],
      ['d3', '2'],
    ],
  )
  await send({ topic: 'devices/d3/shadow/delete' })
  assert.equal((await facts(db)).length, 1)
  assert.equal((await call('/api/v1/indexes/shadow.reported.temp', 'DELETE')).status, 204)
  await tick()
  assert.deepEqual(await facts(db), [])
  assert.deepEqual((await call('/api/v1/indexes')).body.items, [])
})

test('ok/attributes-of-every-source', async () => {
  await using db = await cloneDatabase()
  const { call, tick, select } = await start(db, ['d1', 'd2'])
  await db.db.unnamed(
    'test',
    `insert into device_attributes (device_id, source, document) values
      ('d1', 'operator', '{"site":"a","os.name":"x"}'), ('d1', 'agent', '{"site":"b"}'), ('d2', 'agent', '{"other":1}')`,
    [],
  )
  await call('/api/v1/indexes', 'POST', { name: 'attribute.site', type: 'text' })
  const dotted = await call('/api/v1/indexes', 'POST', {
    name: 'attribute."os.name"',
    type: 'text',
  })
  assert.equal(dotted.body.name, 'attribute.os.name')
  await tick()
  assert.deepEqual(
    (await facts(db)).map(({ device_id, t }) => [device_id, t]),
    [
      ['d1', 'a'],
      ['d1', 'b'],
      ['d1', 'x'],
    ],
  )
  assert.deepEqual(await select(`attribute.site = 'b'`), ['d1'])
})

test('ok/firmware-version-where-declared', async () => {
  await using db = await cloneDatabase()
  const { call, send, tick } = await start(db, ['d1', 'd2'])
  const versions = async () =>
    (
      await db.db.unnamed<{ firmware_ver: string }>(
        'test',
        'select firmware_ver from devices order by device_id',
        [],
      )
    ).map((row) => row.firmware_ver)
  await send(update('d1', { firmware_ver: '1.0.0' }))
  assert.deepEqual(await versions(), ['', ''])
  await call('/api/v1/indexes', 'POST', { name: 'shadow.reported.firmware_ver', type: 'version' })
  await tick()
  assert.deepEqual(await versions(), ['1.0.0', ''])
  await send(update('d1', { firmware_ver: '1.1.0' }), update('d2', { firmware_ver: '2.0' }))
  assert.deepEqual(await versions(), ['1.1.0', '2.0'])
})

test('fail/what-cannot-be-declared', async () => {
  await using db = await cloneDatabase()
  const { call } = await start(db)
  const names = [
    'shadow.reported',
    'shadow.x.y',
    'firmware_ver',
    'attribute',
    'shadow.name.n',
    'x y',
    'shadow.name.a!b.reported.x',
    '',
    `shadow.reported.${'a.'.repeat(8)}a`,
  ]
  for (const name of names) {
    const { status, body } = await call('/api/v1/indexes', 'POST', { name, type: 'text' })
    assert.deepEqual([status, body.code.split('.')[1]], [400, 'invalid'], name)
  }
  const body = { name: 'shadow.desired.a', type: 'number' }
  assert.equal((await call('/api/v1/indexes', 'POST', { ...body, type: 'int' })).status, 400)
  assert.equal((await call('/api/v1/indexes', 'POST', body)).status, 201)
  assert.equal((await call('/api/v1/indexes', 'POST', body)).body.code, 'index.exists')
  assert.equal((await call('/api/v1/indexes/shadow.desired.b')).body.code, 'index.not_found')
  assert.equal((await call('/api/v1/indexes/shadow.desired.b', 'DELETE')).status, 404)
})

test('ok/writes-while-a-leaf-is-declared-and-read', async () => {
  await using db = await cloneDatabase()
  const { call, send, sendToOther, tick } = await start(db)
  const ids = Array.from({ length: 1200 }, (_, i) => `d${String(i).padStart(4, '0')}`)
  await db.db.unnamed(
    'test',
    `insert into shadows (device_id, version, reported, metadata) select id, 1, '{"n":0}', '{"reported":{"n":1}}' from unnest($1::text[]) id`,
    [ids],
  )
  const writing = (async () => {
    for (let round = 1; round <= 12; round++) {
      const batch = ids.filter((_, i) => i % 12 === round % 12).slice(0, 100)
      const by = round % 2 === 0 ? send : sendToOther
      const { verdicts } = await by(...batch.map((id) => update(id, { n: round })))
      assert.ok(verdicts.every((verdict) => verdict === 'done'))
    }
  })()
  await call('/api/v1/indexes', 'POST', { name: 'shadow.reported.n', type: 'number' })
  for (let i = 0; i < 3; i++) await tick()
  await writing
  const wrong = await db.db.unnamed(
    'test',
    `select s.device_id, s.reported, f.t from shadows s full join device_facts f using (device_id)
      where (s.reported::json ->> 'n') is distinct from f.t`,
    [],
  )
  assert.deepEqual(wrong, [])
  assert.equal((await facts(db)).length, 1200)
})

test('ok/bulk-change-of-shadows', async () => {
  await using db = await cloneDatabase()
  const { call, tick } = await start(db, ['d1', 'd2', 'd3'])
  const ask = { q: `device_id != 'd2'`, change: { state: { desired: { interval: 5 } } } }
  const dry = await call('/api/v1/bulk/shadows', 'POST', { ...ask, dry_run: true })
  assert.deepEqual([dry.status, dry.body.count, dry.body.samples], [200, 2, ['d1', 'd3']])
  const changed = await call('/api/v1/bulk/shadows', 'POST', { ...ask, expect: 3 })
  assert.deepEqual(
    [changed.status, changed.body.code, changed.body.count],
    [409, 'operation.selection_changed', 2],
  )
  const queued = await call('/api/v1/bulk/shadows', 'POST', { ...ask, expect: 2 })
  assert.equal(queued.status, 202)
  await tick()
  const shadows = await db.db.unnamed<{ device_id: string; desired: string }>(
    'test',
    'select device_id, desired from shadows order by 1',
    [],
  )
  assert.deepEqual(
    shadows.map((row) => [row.device_id, row.desired]),
    [
      ['d1', '{"interval":5}'],
      ['d3', '{"interval":5}'],
    ],
  )
  const [operation] = await db.db.unnamed<{ state: string; done: number; failed: number }>(
    'test',
    `select state, done, failed from operations where kind = 'shadows.bulk'`,
    [],
  )
  assert.deepEqual(operation, { state: 'succeeded', done: 2, failed: 0 })
  for (const state of [
    { desired: { a: [null] } },
    { desired: { a: '\0' } },
    { desired: { '\ud800': 1 } },
  ]) {
    const bad = await call('/api/v1/bulk/shadows', 'POST', { ...ask, change: { state } })
    assert.equal(bad.body.code, 'shadow.invalid')
  }
})
