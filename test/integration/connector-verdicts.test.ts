// The table of outcomes, row by row, on a real broker and database.
import assert from 'node:assert/strict'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectorSetting, device, echo, metricOf, testConnector } from '../support/connector.ts'
import { allDone } from '../support/function-server.ts'
import { hasMosquitto } from '../support/mosquitto.ts'
import { needs } from '../support/needs.ts'
import { until } from '../support/until.ts'
import type { TestDatabase } from '../support/postgres.ts'
import type { Item, Verdict } from '../../shared/mqtt/delivery.ts'

const mosquitto = needs('mosquitto', hasMosquitto)

interface DeadLetter {
  device_id: string | null
  topic: string
  payload: Buffer
  reason: string
}

const deadLetters = ({ db }: TestDatabase) =>
  db.unnamed<DeadLetter>(
    'test',
    'select device_id, topic, payload, reason from dead_letters order by id',
    [],
  )

const text = (item: Item) => item.payload.toString()

test('ok/done-is-published-then-acknowledged', mosquitto, async () => {
  await using setting = await connectorSetting()
  const { broker, functions } = setting
  functions.behave(({ items }) => allDone(items, { frames: echo(items) }))
  await using running = await testConnector(setting)
  await running.connector.held
  await using one = await device(broker, 'd1', ['devices/d1/#'])
  await one.client.publishAsync('devices/d1/shadow/update', 'hello', { qos: 1 })
  await until('accepted', () => one.messages.some(({ topic }) => topic.endsWith('/accepted')))
  const [item] = functions.calls[0]?.items ?? []
  assert.equal(functions.calls[0]?.functionName, 'shadow-update')
  assert.equal(item?.topic, 'devices/d1/shadow/update')
  assert.equal(item?.dup, false)
  assert.ok(item?.packet !== null)
  assert.equal(BigInt(item?.id ?? 0) >> 40n, BigInt(item?.epoch ?? -1))
  await until(
    'acknowledged',
    async () =>
      (await metricOf(running.registry, 'muster_connector_messages_acknowledged_total', {
        class: 'shadow',
      })) > 0,
  )
})

test('ok/order-of-a-device-is-kept-and-one-call-at-a-time', mosquitto, async () => {
  await using setting = await connectorSetting()
  const { broker, functions } = setting
  const busy = new Set<string>()
  const seen = new Map<string, string[]>()
  let overlaps = 0
  functions.behave(async ({ items }) => {
    const mine = new Set(items.map((item) => item.topic))
    for (const topic of mine) {
      if (busy.has(topic)) overlaps += 1
      busy.add(topic)
    }
    await sleep(Math.random() * 20)
    for (const item of items) seen.set(item.topic, [...(seen.get(item.topic) ?? []), text(item)])
    for (const topic of mine) busy.delete(topic)
    return allDone(items)
  })
  await using running = await testConnector(setting)
  await running.connector.held
  await using fleet = await device(broker, 'fleet')
  const sent: Promise<unknown>[] = []
  for (let n = 0; n < 40; n++) {
    for (let d = 0; d < 20; d++) {
      sent.push(fleet.client.publishAsync(`devices/d${d}/shadow/update`, String(n), { qos: 1 }))
    }
  }
  await Promise.all(sent)
  await until(
    'all seen',
    () => [...seen.values()].reduce((sum, each) => sum + each.length, 0) === 800,
  )
  assert.equal(overlaps, 0)
  for (const [topic, texts] of seen) {
    assert.deepEqual(
      texts,
      Array.from({ length: 40 }, (_, n) => String(n)),
      topic,
    )
  }
})

test('fail/retry-keeps-number-and-order', mosquitto, async () => {
  await using setting = await connectorSetting()
  const { broker, functions } = setting
  let tries = 0
  functions.behave(({ items }) => {
    const verdicts = items.map((): Verdict => (tries < 2 ? 'retry:conflict' : 'done'))
    tries += 1
    return allDone(items, { verdicts })
  })
  await using running = await testConnector(setting)
  await running.connector.held
  await using one = await device(broker, 'd1')
  await Promise.all(
    ['a', 'b'].map((each) => one.client.publishAsync('devices/d1/shadow/update', each, { qos: 1 })),
  )
  await until('done', () => tries >= 3)
  await sleep(200)
  const ids = functions.calls.map(({ items }) => items.map((item) => item.id))
  assert.equal(new Set(ids.flat()).size, 2)
  assert.deepEqual(functions.calls.at(-1)?.items.map(text).at(-1), 'b')
})

test('fail/dead-becomes-a-dead-letter', mosquitto, async () => {
  await using setting = await connectorSetting()
  const { broker, database, functions } = setting
  functions.behave(({ items }) => allDone(items, { verdicts: items.map(() => 'dead:topic') }))
  await using running = await testConnector(setting)
  await running.connector.held
  await using one = await device(broker, 'd1')
  await one.client.publishAsync('devices/d1/shadow/update', 'x', { qos: 1 })
  await until('dead letter', async () => (await deadLetters(database)).length === 1)
  const [letter] = await deadLetters(database)
  assert.equal(letter?.device_id, 'd1')
  assert.equal(letter?.reason, 'topic')
  assert.equal(letter?.payload.toString(), 'x')
  await until(
    'acknowledged',
    async () =>
      (await metricOf(running.registry, 'muster_connector_messages_acknowledged_total', {
        class: 'shadow',
      })) > 0,
  )
})

for (const [name, answer] of [
  ['status-503', () => new Response('', { status: 503 })],
  ['status-429', () => new Response('', { status: 429 })],
  ['status-401', () => new Response('', { status: 401 })],
  [
    'unreadable',
    () =>
      new Response('{"verdicts":[]}\n', {
        headers: { 'content-type': 'application/vnd.muster.delivery' },
      }),
  ],
  ['other-type', () => Response.json({ verdicts: ['done'] })],
  ['no-answer', (): 'hang' => 'hang'],
] as const)
  test(`fail/unknown-is-called-again/${name}`, mosquitto, async () => {
    await using setting = await connectorSetting()
    const { broker, database, functions } = setting
    let failures = 0
    functions.behave(({ items }) => {
      failures += 1
      return failures < 3 ? answer() : allDone(items, { frames: echo(items) })
    })
    await using running = await testConnector(setting, { callDeadlineMs: 300 })
    await running.connector.held
    await using one = await device(broker, 'd1', ['devices/d1/#'])
    await one.client.publishAsync('devices/d1/shadow/update', 'x', { qos: 1 })
    await until('accepted', () => one.messages.some(({ topic }) => topic.endsWith('/accepted')))
    assert.equal(
      new Set(functions.calls.flatMap(({ items }) => items.map((item) => item.id))).size,
      1,
    )
    assert.deepEqual(await deadLetters(database), [])
  })

test('fail/refused-batch-is-halved-until-the-culprit-is-alone', mosquitto, async () => {
  await using setting = await connectorSetting()
  const { broker, database, functions } = setting
  const done = new Set<string>()
  functions.behave(({ items }) => {
    if (items.some((item) => text(item) === 'bad')) return new Response('', { status: 413 })
    for (const item of items) done.add(item.topic)
    return allDone(items)
  })
  await using running = await testConnector(setting)
  await running.connector.held
  await using fleet = await device(broker, 'fleet')
  await Promise.all(
    Array.from({ length: 50 }, (_, n) =>
      fleet.client.publishAsync(`devices/d${n}/shadow/update`, n === 17 ? 'bad' : 'good', {
        qos: 1,
      }),
    ),
  )
  await until('dead letter', async () => (await deadLetters(database)).length === 1)
  await until('the others', () => done.size === 49)
  const [letter] = await deadLetters(database)
  assert.equal(letter?.device_id, 'd17')
  assert.equal(letter?.reason, 'http_413')
})

test('fail/poison-only-while-others-succeed', mosquitto, async () => {
  await using setting = await connectorSetting()
  const { broker, database, functions } = setting
  let all = true
  let later = 0
  const done = new Set<string>()
  functions.behave(({ items }) => {
    if (all || items.some((item) => text(item) === 'bad')) return new Response('', { status: 500 })
    for (const item of items) done.add(item.topic)
    return allDone(items)
  })
  await using running = await testConnector(setting, { now: () => Date.now() + later })
  await running.connector.held
  await using fleet = await device(broker, 'fleet')
  await fleet.client.publishAsync('devices/bad/shadow/update', 'bad', { qos: 1 })
  await until('five failures', () => functions.calls.length >= 5)
  later = 61_000
  const before = functions.calls.length
  await until('two more', () => functions.calls.length >= before + 1)
  assert.deepEqual(await deadLetters(database), [], 'everything fails: nobody is poison')
  all = false
  await fleet.client.publishAsync('devices/good/shadow/update', 'good', { qos: 1 })
  await until('others succeed', () => done.has('devices/good/shadow/update'))
  await until('poison', async () => (await deadLetters(database)).length === 1)
  const [letter] = await deadLetters(database)
  assert.equal(letter?.reason, 'poison')
})

test('fail/over-413-comes-without-payload', mosquitto, async () => {
  await using setting = await connectorSetting()
  const { broker, functions } = setting
  await using running = await testConnector(setting)
  await running.connector.held
  await using one = await device(broker, 'd1')
  await one.client.publishAsync('devices/d1/shadow/update', Buffer.alloc(384 * 1024 + 1), {
    qos: 1,
  })
  await until('called', () => functions.calls.length > 0)
  const [item] = functions.calls[0]?.items ?? []
  assert.equal(item?.over, 413)
  assert.equal(item?.payload.length, 0)
})

test('fail/over-429-above-64-waiting', mosquitto, async () => {
  await using setting = await connectorSetting()
  const { broker, functions } = setting
  const { promise: gate, resolve: open } = Promise.withResolvers<void>()
  functions.behave(async ({ items }) => {
    await gate
    return allDone(items)
  })
  await using running = await testConnector(setting)
  await running.connector.held
  await using one = await device(broker, 'd1')
  await one.client.publishAsync('devices/d1/shadow/update', 'first', { qos: 1 })
  await until('called', () => functions.calls.length > 0)
  await Promise.all(
    Array.from({ length: 70 }, (_, n) =>
      one.client.publishAsync('devices/d1/shadow/update', String(n), { qos: 1 }),
    ),
  )
  await sleep(300)
  open()
  await until('all called', () => functions.calls.flatMap(({ items }) => items).length === 71)
  const items = functions.calls.flatMap((call) => call.items)
  assert.deepEqual(
    items.map((item) => item.over),
    items.map((_, at) => (at > 64 ? 429 : undefined)),
  )
})

test('fail/retained-request-is-cleared-and-not-called', mosquitto, async () => {
  await using setting = await connectorSetting()
  const { broker, functions } = setting
  await using one = await device(broker, 'd1')
  await one.client.publishAsync('devices/d1/shadow/update', 'old', { qos: 1, retain: true })
  await one.client.publishAsync('devices/d1/config/reported', 'kept', { qos: 1, retain: true })
  await using running = await testConnector(setting)
  await running.connector.held
  await until('reported', () => functions.calls.length > 0)
  await until(
    'cleared',
    async () =>
      (await metricOf(running.registry, 'muster_connector_messages_ignored_total', {
        why: 'retained',
      })) === 1,
  )
  await sleep(200)
  const topics = functions.calls.flatMap(({ items }) => items.map((item) => item.topic))
  assert.deepEqual(topics, ['devices/d1/config/reported'])
  await using other = await device(broker, 'd2', ['devices/d1/#'])
  await sleep(200)
  assert.deepEqual(
    other.messages.map(({ topic }) => topic),
    ['devices/d1/config/reported'],
  )
})

test('ok/batches-are-bounded', mosquitto, async () => {
  await using setting = await connectorSetting()
  const { broker, functions } = setting
  let first = true
  functions.behave(async ({ items }) => {
    if (first) await sleep(500)
    first = false
    return allDone(items)
  })
  await using running = await testConnector(setting)
  await running.connector.held
  await using fleet = await device(broker, 'fleet')
  const large = Buffer.alloc(100_000, 'x')
  await Promise.all([
    ...Array.from({ length: 500 }, (_, n) =>
      fleet.client.publishAsync(`devices/s${n}/shadow/update`, 'x', { qos: 1 }),
    ),
    ...Array.from({ length: 20 }, (_, n) =>
      fleet.client.publishAsync(`devices/l${n}/shadow/update`, large, { qos: 1 }),
    ),
  ])
  await until('all', () => functions.calls.flatMap(({ items }) => items).length === 520)
  for (const { items } of functions.calls) {
    assert.ok(items.length <= 200)
    assert.ok(items.reduce((sum, { payload }) => sum + payload.length, 0) < 800_000)
  }
})
