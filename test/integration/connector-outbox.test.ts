// What waits in the outbox, open deltas on subscribe, a broker that forgot: on a real broker and database.
import assert from 'node:assert/strict'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseBell, type Bell } from '../../shared/mqtt/bell.ts'
import type { Answer, Item } from '../../shared/mqtt/delivery.ts'
import {
  ALL_TOPICS,
  connectorSetting,
  device,
  metricOf,
  testConnector,
} from '../support/connector.ts'
import { allDone, type BatchCall, type FunctionServer } from '../support/function-server.ts'
import { hasMosquitto } from '../support/mosquitto.ts'
import { needs } from '../support/needs.ts'
import type { TestDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const mosquitto = needs('mosquitto', hasMosquitto)

/** Puts a row into the outbox of the slot of a class. */
async function put(
  { db }: TestDatabase,
  slotClass: string,
  deviceIds: readonly string[],
  epoch: string | null = null,
): Promise<string> {
  const [row] = await db.unnamed<{ id: bigint }>(
    'test',
    `insert into outbox (slot, epoch, device_ids, shadows, versions)
     select slot, $3::bigint, $2::text[], array_fill(''::text, array[cardinality($2::text[])]),
            array_fill(1::bigint, array[cardinality($2::text[])])
       from connector_slots where class = $1::text returning id`,
    [slotClass, deviceIds, epoch],
  )
  return String(row?.id ?? '')
}

const rows = ({ db }: TestDatabase) =>
  db.unnamed<{ id: bigint }>('test', 'select id from outbox order by id', [])

const empty = async (database: TestDatabase) => (await rows(database)).length === 0

const bellOf = (item: Item): Bell | undefined => parseBell(item.payload)

const bells = (functions: FunctionServer): { device: string; bell: Bell; item: Item }[] =>
  functions.calls.flatMap(({ functionName, items }) =>
    functionName === 'compute-delta'
      ? items.flatMap((item) => {
          const bell = bellOf(item)
          return bell ? [{ device: item.topic.slice('muster/bell/'.length), bell, item }] : []
        })
      : [],
  )

/** Answers bells as compute-delta does: a delta for each device, all its rows carried. */
function tellDeltas({ functionName, items }: BatchCall): Answer {
  if (functionName !== 'compute-delta') return allDone(items)
  const outbox = [...new Set(items.flatMap((item) => bellOf(item)?.outbox ?? []))]
  const frames = items.map((item) => ({
    item: item.index,
    qos: 1 as const,
    retain: false,
    topic: `devices/${item.topic.slice('muster/bell/'.length)}/shadow/delta`,
    payload: 'now',
  }))
  return allDone(items, { outbox, frames })
}

test('ok/row-becomes-bells-is-told-and-deleted', mosquitto, async () => {
  await using setting = await connectorSetting()
  const { broker, database, functions } = setting
  functions.behave(tellDeltas)
  await using running = await testConnector(setting, { directUrl: undefined })
  await running.connector.held
  await using one = await device(broker, 'd1', ['devices/d1/shadow/delta'])
  const id = await put(database, 'shadow', ['d1', 'd2'])
  await until('told', () => one.messages.length === 1)
  await until('deleted', () => empty(database))
  const rung = bells(functions)
  assert.deepEqual(rung.map((each) => each.device).toSorted(), ['d1', 'd2'])
  for (const { bell, item } of rung) {
    assert.deepEqual(bell, { why: 'outbox', outbox: [id], filters: [] })
    assert.equal(item.packet, null)
  }
})

test('ok/notify-hastens-the-poll', mosquitto, async () => {
  await using setting = await connectorSetting()
  const { database, functions } = setting
  functions.behave(tellDeltas)
  await using running = await testConnector(setting)
  await running.connector.held
  await sleep(300)
  const spans: number[] = []
  for (let n = 0; n < 7; n++) {
    const id = await put(database, 'shadow', ['d1'])
    const started = performance.now()
    await database.db.unnamed(
      'test',
      `select pg_notify('outbox', slot::text) from connector_slots where class = 'shadow'`,
      [],
    )
    while (!bells(functions).some(({ bell }) => bell.outbox.includes(id))) await sleep(2)
    spans.push(performance.now() - started)
  }
  const [, , , median = 0] = spans.toSorted((a, b) => a - b)
  assert.ok(median < 125, `median ${median} ms, a poll alone takes 125 on the average`)
})

test('ok/rows-of-other-classes-go-by-their-own-slot', mosquitto, async () => {
  await using setting = await connectorSetting()
  const { database, functions } = setting
  functions.behave(tellDeltas)
  await using running = await testConnector(setting)
  await running.connector.held
  await put(database, 'ota', ['d1'])
  await until('deleted', () => empty(database))
  const [rung] = bells(functions)
  const [slot] = await database.db.unnamed<{ slot: number }>(
    'test',
    `select slot from connector_slots where class = 'ota'`,
    [],
  )
  assert.equal(rung?.item.slot, slot?.slot)
})

test('fail/row-stays-while-one-device-is-not-told', mosquitto, async () => {
  await using setting = await connectorSetting()
  const { database, functions } = setting
  let open = false
  functions.behave(({ functionName, items }) => {
    if (functionName !== 'compute-delta') return allDone(items)
    const verdicts = items.map(({ topic }) =>
      topic.endsWith('/d2') && !open ? ('retry:busy' as const) : ('done' as const),
    )
    return allDone(items, { verdicts, outbox: items.flatMap((item) => bellOf(item)?.outbox ?? []) })
  })
  await using running = await testConnector(setting)
  await running.connector.held
  await put(database, 'shadow', ['d1', 'd2'])
  await until('retried', () => bells(functions).filter((each) => each.device === 'd2').length > 2)
  assert.equal((await rows(database)).length, 1)
  assert.equal(bells(functions).filter((each) => each.device === 'd1').length, 1)
  open = true
  await until('deleted', () => empty(database))
})

test('ok/answer-carries-its-own-row-and-more-is-fetched', mosquitto, async () => {
  await using setting = await connectorSetting()
  const { broker, database, functions } = setting
  functions.behave(async (call) => {
    if (call.functionName === 'compute-delta') return tellDeltas(call)
    const [item] = call.items
    const carried = await put(database, 'shadow', ['d1'], item?.epoch)
    await put(database, 'shadow', ['d1'], item?.epoch)
    return allDone(call.items, { outbox: [carried], more: true })
  })
  await using running = await testConnector(setting)
  await running.connector.held
  await using one = await device(broker, 'd1', ['devices/d1/shadow/delta'])
  await one.client.publishAsync('devices/d1/shadow/update', 'x', { qos: 1 })
  await until('deleted', () => functions.calls.length > 1 && empty(database))
  assert.equal(bells(functions).length, 1)
  assert.equal(bells(functions)[0]?.bell.outbox.length, 1)
})

test(
  'fail/answer-lost-after-commit-is-told-by-a-bell-before-the-next-item',
  mosquitto,
  async () => {
    await using setting = await connectorSetting()
    const { broker, database, functions } = setting
    const order: string[] = []
    let lost = false
    functions.behave(async (call) => {
      if (call.functionName === 'compute-delta') {
        order.push('bell')
        return tellDeltas(call)
      }
      const texts = call.items.map((item) => item.payload.toString())
      if (lost) {
        order.push(...texts)
        return allDone(call.items, {
          verdicts: texts.map((text) => (text === 'a' ? 'duplicate' : 'done')),
        })
      }
      lost = true
      order.push(`${texts.join()} lost`)
      await put(database, 'shadow', ['d1'], call.items[0]?.epoch)
      return new Response('', { status: 502 })
    })
    await using running = await testConnector(setting)
    await running.connector.held
    await using one = await device(broker, 'd1', ['devices/d1/shadow/delta'])
    await one.client.publishAsync('devices/d1/shadow/update', 'a', { qos: 1 })
    await until('lost', () => lost)
    await one.client.publishAsync('devices/d1/shadow/update', 'b', { qos: 1 })
    await until('all', () => order.includes('b'))
    assert.deepEqual(order, ['a lost', 'bell', 'a', 'b'])
    await until('deleted', () => empty(database))
    assert.equal(one.messages.length, 1)
  },
)

test('fail/call-abandoned-at-its-deadline-commits-late', mosquitto, async () => {
  await using setting = await connectorSetting()
  const { broker, database, functions } = setting
  let calls = 0
  functions.behave(async (call) => {
    if (call.functionName === 'compute-delta') return tellDeltas(call)
    calls += 1
    if (calls === 1) {
      await sleep(900)
      await put(database, 'shadow', ['d1'], call.items[0]?.epoch)
      return allDone(call.items, {
        frames: [
          {
            item: 0,
            qos: 1,
            retain: false,
            topic: 'devices/d1/shadow/update/accepted',
            payload: 'late',
          },
        ],
      })
    }
    while ((await rows(database)).length === 0) await sleep(20)
    return allDone(call.items, { verdicts: ['duplicate'] })
  })
  await using running = await testConnector(setting, { callDeadlineMs: 700 })
  await running.connector.held
  await using one = await device(broker, 'd1', ['devices/d1/#'])
  await one.client.publishAsync('devices/d1/shadow/update', 'a', { qos: 1 })
  await until('told', () => one.messages.some(({ topic }) => topic.endsWith('/delta')))
  await until('deleted', () => empty(database))
  const heard = one.messages.map(({ topic }) => topic).filter((topic) => !topic.endsWith('/update'))
  assert.deepEqual(
    heard,
    ['devices/d1/shadow/delta'],
    'the answer that came too late is not published',
  )
})

test('ok/subscribing-rings-at-most-once-a-second', mosquitto, async () => {
  await using setting = await connectorSetting()
  const { broker, functions } = setting
  functions.behave(tellDeltas)
  await using running = await testConnector(setting, { stack: ALL_TOPICS })
  await running.connector.held
  await using one = await device(broker, 'd1', ['devices/d1/shadow/delta'])
  await until('told', () => one.messages.length === 1)
  await one.client.subscribeAsync('devices/d1/shadow/name/+/delta')
  await one.client.subscribeAsync('devices/d1/config/desired')
  await one.client.subscribeAsync('devices/d1/cert/renew')
  await until('told again', () => bells(functions).length === 2)
  await sleep(300)
  assert.deepEqual(
    bells(functions).map(({ bell }) => bell),
    [
      { why: 'subscribe', outbox: [], filters: ['devices/d1/shadow/delta'] },
      {
        why: 'subscribe',
        outbox: [],
        filters: ['devices/d1/shadow/name/+/delta', 'devices/d1/config/desired'],
      },
    ],
  )
  const held = () => metricOf(running.registry, 'muster_connector_items_held', { class: 'shadow' })
  await until('nothing held', async () => (await held()) === 0, 8)
})

test('ok/presence-goes-to-register', mosquitto, async () => {
  await using setting = await connectorSetting()
  const { broker, functions } = setting
  await using running = await testConnector(setting, { stack: ALL_TOPICS })
  await running.connector.held
  const one = await device(broker, 'd1')
  await one.client.endAsync()
  const lines = () =>
    functions.calls
      .filter(({ functionName }) => functionName === 'register')
      .flatMap(({ items }) => items.map((item) => item.payload.toString()))
  await until('both', () => lines().length === 2)
  assert.match(lines()[0] ?? '', /New client connected from \S+ as d1 \(/)
  assert.match(lines()[1] ?? '', /Client d1 disconnected/)
})

async function lightweight({ db }: TestDatabase, ids: readonly string[]): Promise<void> {
  await db.unnamed(
    'test',
    `with d as (insert into devices (device_id, hardware_rev, firmware_ver, cert_serial, cert_expires, broker_endpoint)
       select id, 'A', '1', '', 'infinity', 'local' from unnest($1::text[]) id)
     insert into shadows (device_id, version, desired, retained, updated_at)
     select id, 1, '{}', true, now() - interval '1 hour' from unnest($1::text[]) id`,
    [ids],
  )
}

test('fail/broker-that-forgot-gets-retained-documents-again', mosquitto, async () => {
  await using setting = await connectorSetting()
  const { broker, database, functions } = setting
  functions.behave(tellDeltas)
  await lightweight(database, ['r1', 'r2', 'r3'])
  await using running = await testConnector(setting)
  await running.connector.held
  const marked = () => bells(functions).filter(({ bell }) => bell.why === 'mark')
  await until('all', () => marked().length === 3)
  // Connected again to a broker that remembers: only what changed since the mark is looked at.
  await sleep(300)
  await broker.kill('SIGTERM')
  await database.db.unnamed(
    'test',
    `update shadows set updated_at = now() where device_id = 'r2'`,
    [],
  )
  await broker.restart()
  await until('the changed one', () => marked().length === 4)
  await sleep(300)
  assert.deepEqual(
    marked().map((each) => each.device),
    ['r1', 'r2', 'r3', 'r2'],
  )
  // Killed before it stored anything: all again.
  await broker.restart({ empty: true })
  await until('all again', () => marked().length === 7)
  const cursors = () =>
    database.db.unnamed('test', 'select from connector_slots where cursor is not null', [])
  await until('cursor cleared', async () => (await cursors()).length === 0)
})
