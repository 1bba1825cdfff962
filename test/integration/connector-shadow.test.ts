// What is recognised as a duplicate, and what is not, through broker, connector and the real functions.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openLink } from '../../infra/connector/link.ts'
import { device, type TestDevice } from '../support/connector.ts'
import { hasMosquitto } from '../support/mosquitto.ts'
import { needs } from '../support/needs.ts'
import { startShadowFleet, type ShadowFleet } from '../support/shadow-fleet.ts'
import { until } from '../support/until.ts'

const mosquitto = needs('mosquitto', hasMosquitto)

const UPDATE = 'devices/d1/shadow/update'
const HEARS = [
  'devices/d1/shadow/update/accepted',
  'devices/d1/shadow/delta',
  'devices/d1/shadow/update/rejected',
]

const heard = (one: TestDevice, end: string) =>
  one.messages
    .filter(({ topic }) => topic.endsWith(end))
    // What a test expects of a message it asserts on.
    // oxlint-disable-next-line typescript/no-explicit-any
    .map(({ text }): any => JSON.parse(text))

const reported = (state: object, clientToken?: string) =>
  JSON.stringify({ state: { reported: state }, ...(clientToken !== undefined && { clientToken }) })

const settled = (fleet: ShadowFleet) =>
  until('outbox empty', async () => (await fleet.outboxRows()) === 0)

/** Ends the connector's connection: whoever takes its client id throws it off. */
async function cut({ database, broker }: ShadowFleet): Promise<void> {
  const [row] = await database.db.unnamed<{ slot: number }>(
    'test',
    `select slot from connector_slots where class = 'shadow'`,
    [],
  )
  const thief = await openLink({
    address: { url: broker.url },
    clientId: `_muster-${row?.slot}`,
    clean: false,
    onMessage: () => undefined,
    onClose: () => undefined,
    onDrain: () => undefined,
  })
  thief.destroy()
}

test('ok/update-is-accepted-and-delta-follows', mosquitto, async () => {
  await using fleet = await startShadowFleet(['d1'])
  await using one = await device(fleet.broker, 'd1', HEARS)
  assert.equal(await fleet.desire('d1', { interval: 30 }), 200)
  await until('delta', () => heard(one, '/delta').length > 0)
  await one.client.publishAsync(UPDATE, reported({ interval: 60 }), { qos: 1 })
  await until('accepted', () => heard(one, '/accepted').length === 2)
  await settled(fleet)
  const versions = heard(one, '/delta').map(({ version }) => version)
  assert.deepEqual(
    versions,
    versions.toSorted((a, b) => a - b),
  )
  await one.client.publishAsync(UPDATE, reported({ interval: 30 }), { qos: 1 })
  await until('accepted', () => heard(one, '/accepted').length === 3)
  assert.deepEqual(
    (await fleet.history('d1')).map(({ version }) => version),
    [1n, 2n, 3n],
  )
})

test('fail/answer-lost-is-told-and-applied-once', mosquitto, async () => {
  let losses = 2
  await using fleet = await startShadowFleet(['d1'], async (name, answered) => {
    const response = await answered()
    if (name !== 'shadow-update' || losses === 0) return response
    losses -= 1
    return new Response('', { status: 502 })
  })
  await using one = await device(fleet.broker, 'd1', HEARS)
  await one.client.publishAsync(UPDATE, reported({ a: 1 }, randomUUID()), { qos: 1 })
  await until('accepted', () => heard(one, '/accepted').length > 0)
  await until('losses', () => losses === 0)
  await settled(fleet)
  await sleep(300)
  assert.deepEqual(
    (await fleet.history('d1')).map(({ version }) => version),
    [1n],
  )
  assert.equal(heard(one, '/accepted').length, 1)
})

test('fail/broker-redelivers-what-was-committed', mosquitto, async () => {
  const { promise: gate, resolve: open } = Promise.withResolvers<void>()
  let committed = 0
  await using fleet = await startShadowFleet(['d1'], async (name, answered) => {
    const response = await answered()
    if (name !== 'shadow-update') return response
    committed += 1
    if (committed === 1) await gate
    return response
  })
  await using one = await device(fleet.broker, 'd1', HEARS)
  await one.client.publishAsync(UPDATE, reported({ a: 1 }), { qos: 1 })
  await until('committed', () => committed === 1)
  await cut(fleet)
  await until('accepted', () => heard(one, '/accepted').length > 0)
  open()
  await settled(fleet)
  await sleep(200)
  assert.deepEqual(
    (await fleet.history('d1')).map(({ version }) => version),
    [1n],
  )
  assert.equal(heard(one, '/accepted').length, 1)
})

test('ok/device-repeats-with-its-token-once-without-twice', mosquitto, async () => {
  await using fleet = await startShadowFleet(['d1'])
  await using one = await device(fleet.broker, 'd1', HEARS)
  const withToken = reported({ a: 1 }, randomUUID())
  for (const text of [withToken, withToken]) await one.client.publishAsync(UPDATE, text, { qos: 1 })
  await until('accepted twice', () => heard(one, '/accepted').length === 2)
  assert.deepEqual(
    heard(one, '/accepted').map(({ version }) => version),
    [1, 1],
  )
  assert.equal((await fleet.history('d1')).length, 1)
  const without = reported({ a: 2 })
  for (const text of [without, without]) await one.client.publishAsync(UPDATE, text, { qos: 1 })
  await until('accepted', () => heard(one, '/accepted').length === 4)
  assert.deepEqual(
    heard(one, '/accepted').map(({ version }) => version),
    [1, 1, 2, 3],
  )
})

test('fail/bad-update-is-rejected-and-acknowledged', mosquitto, async () => {
  await using fleet = await startShadowFleet(['d1'])
  await using one = await device(fleet.broker, 'd1', HEARS)
  for (const text of ['{', '{"state":1}', '{"state":{"reported":{}},"version":9}']) {
    await one.client.publishAsync(UPDATE, text, { qos: 1 })
  }
  await until('rejected', () => heard(one, '/rejected').length === 3)
  assert.deepEqual(
    heard(one, '/rejected').map(({ code }) => code),
    [400, 400, 409],
  )
})

test(
  'fail/deltas-never-go-back-while-answers-are-lost-and-connections-cut',
  mosquitto,
  async () => {
    await using fleet = await startShadowFleet(['d1'], async (name, answered) => {
      const response = await answered()
      if (name === 'register' || Math.random() > 0.2) return response
      return new Response('', { status: 502 })
    })
    await using one = await device(fleet.broker, 'd1', HEARS)
    for (let n = 1; n <= 30; n++) {
      await one.client.publishAsync(UPDATE, reported({ n }, randomUUID()), { qos: 1 })
      if (n % 3 === 0) assert.equal(await fleet.desire('d1', { n: 1000 + n }), 200)
      if (n % 10 === 0) await cut(fleet)
    }
    await until('all stored', async () => (await fleet.history('d1')).length === 40, 20)
    await until('outbox empty', async () => (await fleet.outboxRows()) === 0, 40)
    await sleep(500)
    const versions = heard(one, '/delta').map(({ version }) => version)
    assert.deepEqual(
      versions,
      versions.toSorted((a, b) => a - b),
      'deltas went back',
    )
    const last = heard(one, '/delta').at(-1)
    assert.deepEqual(last.state, { n: 1030 })
    const accepted = new Set(heard(one, '/accepted').map(({ version }) => version))
    assert.equal(accepted.size, 40, 'every version was told')
    const reports = (await fleet.history('d1'))
      .map(({ request }) => JSON.parse(request))
      .flatMap(({ state }) => (state.reported ? [state.reported.n] : []))
    assert.deepEqual(
      reports,
      Array.from({ length: 30 }, (_, at) => at + 1),
      'each once, in order',
    )
  },
)
