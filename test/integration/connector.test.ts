import assert from 'node:assert/strict'
import test from 'node:test'
import { device, testConnector } from '../support/connector.ts'
import { allDone, startFunctionServer } from '../support/function-server.ts'
import { hasMosquitto, startMosquitto } from '../support/mosquitto.ts'
import { needs } from '../support/needs.ts'
import { cloneDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const mosquitto = needs('mosquitto', hasMosquitto)

test('ok/message-is-called-answered-acknowledged', mosquitto, async () => {
  await using database = await cloneDatabase()
  await using broker = await startMosquitto()
  await using functions = await startFunctionServer()
  functions.behave(({ items }) =>
    allDone(items, {
      frames: items.map(({ index, topic, payload }) => ({
        item: index,
        qos: 1,
        retain: false,
        topic: `${topic}/accepted`,
        payload,
      })),
    }),
  )
  await using running = await testConnector({ database, broker, functions })
  await running.connector.held
  await using one = await device(broker, 'd1', ['devices/d1/#'])
  await one.client.publishAsync('devices/d1/shadow/update', 'hello', { qos: 1 })
  await until('accepted', () => one.messages.some(({ topic }) => topic.endsWith('accepted')))
  assert.equal(one.messages.find(({ topic }) => topic.endsWith('accepted'))?.text, 'hello')
})
