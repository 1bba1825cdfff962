// What devices hear of their shadows, through Mosquitto, the connector and the real functions.
import assert from 'node:assert/strict'
import test from 'node:test'
import { transaction } from '../../shared/db/transaction.ts'
import { replay } from '../../shared/dead-letter/letters.ts'
import { classOfTopic } from '../../shared/mqtt/topics.ts'
import { notifyOutbox } from '../../shared/outbox/notify.ts'
import { device } from '../support/connector.ts'
import { hasMosquitto } from '../support/mosquitto.ts'
import { needs } from '../support/needs.ts'
import { startShadowFleet } from '../support/shadow-fleet.ts'
import { until } from '../support/until.ts'

const mosquitto = needs('mosquitto', hasMosquitto)
const acting = { actor: 'token ops', tokenId: null, source: '127.0.0.1', callId: 'c1' }

test(
  'ok/a dead letter that is sent again comes as if the device had sent it',
  mosquitto,
  async () => {
    await using fleet = await startShadowFleet(['d1'])
    const { database } = fleet
    await using one = await device(fleet.broker, 'd1', ['devices/d1/shadow/update/accepted'])
    await database.db.unnamed(
      'test',
      `insert into dead_letters (slot, device_id, topic, payload, reason) values (1, 'd1', 'devices/d1/shadow/update', $1, 'poison')`,
      [Buffer.from('{"state":{"reported":{"late":true}}}')],
    )
    const db = database.as('compute-delta')
    const slots = await transaction(db, (tx) => replay(tx, acting, 1n, classOfTopic))
    notifyOutbox(db, slots)
    await until('accepted', () => one.messages.some(({ text }) => text.includes('"late"')))
    await until('outbox empty', async () => (await fleet.outboxRows()) === 0)
    const [row] = await fleet.history('d1')
    assert.deepEqual([row?.version, row?.request], [1n, '{"state":{"reported":{"late":true}}}'])
  },
)

test('ok/the lightweight mode converges', mosquitto, async () => {
  await using fleet = await startShadowFleet(['d1'])
  assert.equal(await fleet.desire('d1', { interval: 30 }), 200)
  await using one = await device(fleet.broker, 'd1', ['devices/d1/config/desired'])
  const last = () => one.messages.at(-1)?.text
  await until('the document', () => last() === '{"interval":30}')
  await one.client.publishAsync('devices/d1/config/reported', '{"interval":60}', {
    qos: 1,
    retain: true,
  })
  await until('reported', async () => (await fleet.history('d1')).length === 2)
  assert.equal(await fleet.desire('d1', { interval: 20 }), 200)
  await until('the next document', () => last() === '{"interval":20}')
  await one.client.publishAsync('devices/d1/config/reported', '{"interval":20}', {
    qos: 1,
    retain: true,
  })
  await until('converged', async () => (await fleet.history('d1')).length === 4)
  // Who comes later hears the newest at once, from the broker.
  await using again = await device(fleet.broker, 'd1', ['devices/d1/config/desired'])
  await until('retained', () => again.messages[0]?.text === '{"interval":20}')
})
