import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDeps } from '../../functions/compute-delta/deps.ts'
import { handler } from '../../functions/compute-delta/handler.ts'
import { signedRequest } from '../support/call.ts'
import { insertDevice } from '../support/certificate.ts'
import { testHost } from '../support/host.ts'
import { insertToken } from '../support/operator.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'

const LETTERS = '/api/v1/dead-letters'

async function start(db: TestDatabase) {
  await insertDevice(db.db, 'd1')
  await db.db.unnamed(
    'test',
    `insert into connector_slots (broker, class) values ('local', 'shadow'), ('local', 'ota')`,
    [],
  )
  await db.db.unnamed(
    'test',
    `insert into dead_letters (slot, device_id, topic, payload, delivery, reason) values
      (1, 'd1', 'devices/d1/shadow/update', '\\x7b7d', 77, 'poison'),
      (2, 'd1', 'devices/d1/ota/status', '\\xff', 78, 'poison'),
      (1, 'd1', 'muster/bell/d1', '{}', 79, 'poison'),
      (1, null, 'odd', '', 80, 'topic'),
      (1, 'gone', 'devices/gone/shadow/get', '', 81, 'http_413')`,
    [],
  )
  const deps = await createDeps(testHost('compute-delta', db))
  const token = await insertToken(db.db, 'ops', ['operate'])
  return async (target: string, method = 'GET', headers: Record<string, string> = {}) => {
    const options = { method, headers: { authorization: `Bearer ${token}`, ...headers } }
    const response = await handler(signedRequest('compute-delta', target, options), deps)
    const text = await response.text()
    return { status: response.status, body: text === '' ? {} : JSON.parse(text) }
  }
}

const select = <R>(db: TestDatabase, text: string): Promise<R[]> => db.db.unnamed('test', text, [])

test('ok/list-and-show', async () => {
  await using db = await cloneDatabase()
  const call = await start(db)
  const first = await call(`${LETTERS}?limit=3`)
  assert.deepEqual(
    first.body.items.map((item: { topic: string }) => item.topic),
    ['devices/gone/shadow/get', 'odd', 'muster/bell/d1'],
  )
  const rest = await call(`${LETTERS}?limit=3&cursor=${first.body.next}`)
  assert.deepEqual([rest.body.items.length, rest.body.next], [2, null])
  const ofDevice = await call(`${LETTERS}?device_id=d1&reason=poison`)
  assert.equal(ofDevice.body.items.length, 3)
  const shown = await call(`${LETTERS}/2`)
  const { payload, bytes, delivery } = shown.body
  assert.deepEqual([payload, bytes, delivery], ['/w==', 1, '78'])
  assert.equal((await call(`${LETTERS}/99`)).body.code, 'dead_letter.not_found')
  assert.equal((await call(`${LETTERS}/x`)).status, 400)
})

test('ok/replay-puts-it-into-the-slot-of-its-class', async () => {
  await using db = await cloneDatabase()
  const call = await start(db)
  const key = { 'idempotency-key': 'once' }
  const replayed = await call(`${LETTERS}/2/replay`, 'POST', key)
  assert.equal(replayed.status, 200)
  assert.notEqual(replayed.body.replayed_at, null)
  assert.equal((await call(`${LETTERS}/2/replay`, 'POST', key)).status, 200)
  assert.deepEqual(await select(db, 'select slot, device_ids, topic, payload from outbox'), [
    { slot: 2, device_ids: ['d1'], topic: 'devices/d1/ota/status', payload: Buffer.from([0xff]) },
  ])
  assert.deepEqual(
    await select(db, `select verb, target from audit where verb like 'dead_letter%'`),
    [{ verb: 'dead_letter.replay', target: '2' }],
  )
})

test('fail/what-cannot-be-sent-again', async () => {
  await using db = await cloneDatabase()
  const call = await start(db)
  for (const id of [3, 4, 5]) {
    const { status, body } = await call(`${LETTERS}/${id}/replay`, 'POST')
    assert.deepEqual([status, body.code], [409, 'dead_letter.not_replayable'])
  }
  assert.equal((await call(`${LETTERS}/99/replay`, 'POST')).status, 404)
  assert.deepEqual(await select(db, 'select from outbox'), [])
})

test('ok/discard', async () => {
  await using db = await cloneDatabase()
  const call = await start(db)
  assert.equal((await call(`${LETTERS}/1`, 'DELETE')).status, 204)
  assert.equal((await call(`${LETTERS}/1`, 'DELETE')).status, 404)
  assert.equal((await call(LETTERS)).body.items.length, 4)
})
