// What one device may cost the broker of `npm start`, which is one process with everything else.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as netConnect } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import mqtt, { MqttClient, type IClientOptions } from 'mqtt'
import { startBroker, type EmbeddedBroker } from '../../infra/embedded/broker.ts'
import {
  clientUnder,
  newHierarchy,
  pemOf,
  serverUnder,
  type Credentials,
} from '../support/authority.ts'
import { until } from '../support/until.ts'

const authorities = newHierarchy()
const clients: MqttClient[] = []
let broker: EmbeddedBroker

before(async () => {
  broker = await startBroker({
    host: '127.0.0.1',
    port: 0,
    tls: async () => ({
      ...serverUnder(authorities.server),
      authorities: [authorities.root, authorities.issuing].map(pemOf),
    }),
    admit: async ({ certificate }) => ({
      kind: 'device',
      id: certificate.subject.replace(/^[^]*CN=/, ''),
    }),
  })
})
after(async () => {
  for (const client of clients) client.end(true)
  await broker.close()
})

const device = (id: string) => clientUnder(authorities.issuing, id)
const server = () => ({ host: 'localhost', port: broker.port, ca: pemOf(authorities.server) })

async function connect(credentials: Credentials, more: IClientOptions = {}): Promise<MqttClient> {
  const client = await mqtt.connectAsync({
    ...server(),
    ...credentials,
    protocol: 'mqtts',
    protocolVersion: 4,
    reconnectPeriod: 0,
    clientId: 'said',
    ...more,
  })
  clients.push(client)
  return client
}

function happens(client: MqttClient, event: 'connect' | 'close'): Promise<void> {
  return new Promise((resolve) => {
    client.once(event, () => resolve())
  })
}

/** A client within the process, as the connector is one. */
async function inside(): Promise<MqttClient> {
  const clientId = '_muster-1'
  const client = new MqttClient(() => broker.connect(clientId), {
    clientId,
    protocolVersion: 4,
    reconnectPeriod: 0,
  })
  clients.push(client)
  await happens(client, 'connect')
  return client
}

async function granted(client: MqttClient, topic: string): Promise<boolean> {
  return client.subscribeAsync(topic, { qos: 1 }).then(
    (grants) => grants.every((grant) => grant.qos < 128),
    () => false,
  )
}

test('ok/a-device-may-be-called-like-a-member-of-every-object', async () => {
  const client = await connect(device('constructor'))
  const again = await connect(device('constructor'))
  await until('the first one is gone', () => !client.connected)
  await again.endAsync()
})

test(
  'attack 19: who says nothing is cut off, before the handshake and after it',
  { timeout: 20_000 },
  async () => {
    const bare = netConnect({ host: '127.0.0.1', port: broker.port })
    const shaken = tlsConnect({ ...server(), ...device('d-silent') })
    await once(shaken, 'secureConnect')
    const ends = [bare, shaken].map((socket) => {
      socket.on('error', () => undefined)
      return once(socket.resume(), 'close')
    })
    await (await connect(device('d-meanwhile'))).endAsync()
    await Promise.all(ends)
  },
)

/** A SUBSCRIBE of many filters, all its own, without waiting for an answer. */
function subscribeMany(client: MqttClient, id: string, from: number, count: number): void {
  const filters = Array.from({ length: count }, (_, n) => `devices/${id}/x${from + n}`)
  client.subscribe(filters, { qos: 1 }, () => undefined)
}

test(
  'fail/a-flood-of-filters-ends-the-connection-and-holds-nobody-up',
  { timeout: 20_000 },
  async () => {
    const flooder = await connect(device('d-flood'), { clean: false })
    const closed = happens(flooder, 'close')
    subscribeMany(flooder, 'd-flood', 0, 20_000)
    const began = performance.now()
    await connect(device('d-beside'))
    assert.ok(performance.now() - began < 3000)
    await closed
  },
)

test('fail/filters-of-a-session-end', async () => {
  const client = await connect(device('d-many'), { clean: false })
  for (let from = 0; from < 1000; from += 250) subscribeMany(client, 'd-many', from, 250)
  assert.ok(await granted(client, 'devices/d-many/x999'))
  assert.ok(!(await granted(client, 'devices/d-many/one-more')))
  await client.endAsync()
  const again = await connect(device('d-many'), { clean: false })
  assert.ok(!(await granted(again, 'devices/d-many/one-more')))
  await again.unsubscribeAsync('devices/d-many/x0')
  assert.ok(await granted(again, 'devices/d-many/one-more'))
})

test('fail/a-queue-ends-by-its-bytes-too', async () => {
  const credentials = device('d-heavy')
  const topic = 'devices/d-heavy/shadow/delta'
  const first = await connect(credentials, { clean: false })
  await first.subscribeAsync(topic, { qos: 1 })
  await first.endAsync()
  const connector = await inside()
  const dropped = broker.values().publish_dropped
  for (let n = 0; n < 20; n++)
    await connector.publishAsync(topic, Buffer.alloc(1 << 20), { qos: 1 })
  await until('four are dropped', () => broker.values().publish_dropped - dropped >= 4)
  await sleep(100)
  assert.equal(broker.values().publish_dropped - dropped, 4)
})

test(
  'fail/messages-of-qos-2-that-are-never-released-end-the-connection',
  { timeout: 10_000 },
  async () => {
    const client = tlsConnect({ ...server(), ...device('d-qos2') })
    await once(client, 'secureConnect')
    client.on('error', () => undefined)
    const closed = once(client.resume(), 'close')
    client.write(Buffer.from('101000044d5154540402003c00046d696e65', 'hex'))
    const topic = Buffer.from('devices/d-qos2/status')
    for (let id = 1; id <= 40; id++) {
      const head = Buffer.from([0x34, topic.length + 4, 0, topic.length])
      client.write(Buffer.concat([head, topic, Buffer.from([0, id])]))
    }
    await closed
  },
)
