// The connector over a stream within the process, MQTT 3.1.1: the same lanes and answers, and no second stream.
import assert from 'node:assert/strict'
import { duplexPair, type Duplex } from 'node:stream'
import test from 'node:test'
import { Aedes } from 'aedes'
import { Registry } from 'prom-client'
import { functionUrl } from '../../shared/function-url.ts'
import { startConnector, type Connector } from '../../infra/connector/start.ts'
import { triggersOf } from '../../infra/connector/triggers.ts'
import { ALL_TOPICS, echo, silentLog } from '../support/connector.ts'
import { allDone, startFunctionServer, type FunctionServer } from '../support/function-server.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

interface Inside extends AsyncDisposable {
  readonly aedes: Aedes
  readonly connector: Connector
  readonly streams: Map<string, Duplex>
  readonly lost: Error[]
  publish(topic: string, payload: string): Promise<void>
}

async function startInside(database: TestDatabase, functions: FunctionServer): Promise<Inside> {
  const aedes = await Aedes.createBroker()
  const streams = new Map<string, Duplex>()
  const lost: Error[] = []
  const connector = await startConnector({
    db: database.as('connector'),
    directUrl: undefined,
    urlOf: (name) => functionUrl(functions.url, name),
    hop: functions.hop,
    cells: [
      {
        name: 'local',
        address: {
          stream: (clientId) => {
            const [ours, theirs] = duplexPair()
            aedes.handle(ours)
            streams.set(clientId, theirs)
            return theirs
          },
        },
      },
    ],
    triggers: triggersOf(ALL_TOPICS),
    registry: new Registry(),
    log: silentLog,
    onStreamLost: (error) => lost.push(error),
  })
  await connector.held
  return {
    aedes,
    connector,
    streams,
    lost,
    publish: (topic, payload) =>
      new Promise((resolve, reject) => {
        aedes.publish(
          {
            cmd: 'publish',
            topic,
            payload: Buffer.from(payload),
            qos: 1,
            dup: false,
            retain: false,
          },
          (error) => (error ? reject(error) : resolve()),
        )
      }),
    [Symbol.asyncDispose]: async () => {
      await connector.close(500)
      await new Promise<void>((resolve) => {
        aedes.close(() => resolve())
      })
    },
  }
}

test('ok/many-messages-in-order-and-answers', async () => {
  await using database = await cloneDatabase()
  await using functions = await startFunctionServer()
  functions.behave(({ items }) => allDone(items, { frames: echo(items) }))
  await using inside = await startInside(database, functions)
  const heard: string[] = []
  await new Promise<void>((resolve) => {
    inside.aedes.subscribe(
      'devices/d1/shadow/update/accepted',
      (packet, done) => {
        heard.push(packet.payload.toString())
        done()
      },
      resolve,
    )
  })
  const sent = Array.from({ length: 50 }, (_, n) => String(n))
  for (const text of sent) await inside.publish('devices/d1/shadow/update', text)
  await until('all answered', () => heard.length === sent.length)
  assert.deepEqual(heard, sent)
  assert.equal(inside.streams.size, 4)
})

test('ok/subscription-told-by-the-broker-rings', async () => {
  await using database = await cloneDatabase()
  await using functions = await startFunctionServer()
  await using inside = await startInside(database, functions)
  await inside.publish('$SYS/broker/log/M/subscribe', '1700000000: d1 1 devices/d1/shadow/delta')
  await until('rung', () => functions.calls.length === 1)
  assert.equal(functions.calls[0]?.functionName, 'compute-delta')
})

test('fail/stream-that-breaks-is-never-opened-again', async () => {
  await using database = await cloneDatabase()
  await using functions = await startFunctionServer()
  await using inside = await startInside(database, functions)
  const [name] = [...inside.streams.keys()]
  inside.streams.get(name ?? '')?.destroy()
  await until('told', () => inside.lost.length === 1)
  assert.match(String(inside.lost[0]), /stream to the broker broke/)
  assert.equal(inside.streams.size, 4)
})
