import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { transaction } from '../../shared/db/transaction.ts'
import { DeviceId } from '../../shared/device-id.ts'
import { DomainError } from '../../shared/errors.ts'
import { BACKLOG_ROWS, enqueue, enqueueAll } from '../../shared/outbox/enqueue.ts'
import { notifyOutbox, OUTBOX_CHANNEL } from '../../shared/outbox/notify.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'

const [a, b, c, stranger] = ['a', 'b', 'c', 'stranger'].map((id) => DeviceId.parse(id))
assert.ok(a && b && c && stranger)

async function fleet(db: TestDatabase): Promise<void> {
  await db.db.unnamed(
    'test',
    `insert into devices (device_id, hardware_rev, firmware_ver, cert_serial, cert_expires, broker_endpoint)
     select id, 'A', '', '', 'infinity', 'local' from unnest(array['a', 'b', 'c']) id`,
    [],
  )
  await db.db.unnamed(
    'test',
    `insert into connector_slots (broker, class) values ('local', 'ota'), ('cell-2', 'ota')`,
    [],
  )
  await db.db.unnamed(
    'test',
    `insert into device_presence (device_id, last_seen, connected, cell) values ('b', now(), true, 'cell-2'), ('c', now(), false, 'cell-2')`,
    [],
  )
}

async function rows(db: TestDatabase) {
  return db.db.unnamed<{
    slot: number
    device_ids: string[]
    topic: string
    payload: Buffer
    retain: boolean
  }>('test', 'select slot, device_ids, topic, payload, retain from outbox order by id', [])
}

test('ok/slot-of-where-connected-last-else-registered', async () => {
  await using db = await cloneDatabase()
  await fleet(db)
  const ota = db.as('ota')
  const told = await transaction(ota, (tx) =>
    enqueue(tx, {
      deviceIds: [c, a, b, stranger],
      topic: 'devices/{id}/ota/notify',
      payload: '{"x":1}',
      class: 'ota',
    }),
  )
  assert.deepEqual([...told.deviceIds].toSorted(), ['a', 'b', 'c'])
  assert.deepEqual(new Set(told.slots), new Set([1, 2]))
  const found = await rows(db)
  assert.deepEqual(
    found.map((row) => [row.slot, row.device_ids, row.topic, row.payload.toString(), row.retain]),
    [
      [1, ['a'], 'devices/{id}/ota/notify', '{"x":1}', false],
      [2, ['b', 'c'], 'devices/{id}/ota/notify', '{"x":1}', false],
    ],
  )
})

test('ok/messages-that-differ-keep-their-order', async () => {
  await using db = await cloneDatabase()
  await fleet(db)
  await enqueueAll(db.as('ota-notify'), 'ota', [
    { deviceId: c, topic: 't/1', payload: 'one' },
    { deviceId: a, topic: 't/2', payload: 'two', retain: true },
    { deviceId: c, topic: 't/3', payload: 'three' },
  ])
  const found = await rows(db)
  assert.deepEqual(
    found.map((row) => [row.device_ids, row.topic, row.payload.toString(), row.retain]),
    [
      [['c'], 't/1', 'one', false],
      [['a'], 't/2', 'two', true],
      [['c'], 't/3', 'three', false],
    ],
  )
})

test('ok/rolled-back-with-the-state', async () => {
  await using db = await cloneDatabase()
  await fleet(db)
  const failed = transaction(db.as('ota'), async (tx) => {
    await enqueue(tx, { deviceId: a, topic: 't', payload: '', class: 'ota' })
    throw new Error('no')
  })
  await assert.rejects(failed, /no/)
  assert.deepEqual(await rows(db), [])
})

test('fail/backlog-keeps-everything-out', async () => {
  await using db = await cloneDatabase()
  await fleet(db)
  await db.db.unnamed(
    'test',
    `insert into outbox (slot, device_ids, topic, payload) select 1, '{a}', 't', '' from generate_series(1, $1::int)`,
    [BACKLOG_ROWS],
  )
  const full = enqueue(db.as('ota'), { deviceIds: [a, b], topic: 't', payload: '', class: 'ota' })
  await assert.rejects(full, (error) => {
    return error instanceof DomainError && error.code === 'delivery.backlog'
  })
  const each = enqueueAll(db.as('ota'), 'ota', [{ deviceId: a, topic: 't', payload: '' }])
  await assert.rejects(each, DomainError)
  const told = await enqueue(db.as('ota'), { deviceId: b, topic: 't', payload: '', class: 'ota' })
  assert.deepEqual(told.slots, [2])
  const left = await db.db.unnamed<{ n: bigint }>('test', 'select count(*) n from outbox', [])
  assert.equal(left[0]?.n, BigInt(BACKLOG_ROWS + 1))
})

test('ok/one-hint-a-window', async () => {
  await using db = await cloneDatabase()
  const listener = new Client({ connectionString: db.url })
  await listener.connect()
  const heard: (string | undefined)[] = []
  listener.on('notification', (message) => heard.push(message.payload))
  await listener.query(`listen ${OUTBOX_CHANNEL}`)
  const ota = db.as('ota')
  for (let i = 0; i < 20; i++) notifyOutbox(ota, [7])
  await sleep(300)
  assert.deepEqual(heard, ['7', '7'])
  await listener.end()
})
