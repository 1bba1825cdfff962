import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as tlsConnect, type TLSSocket } from 'node:tls'
import mqtt, { MqttClient, type IClientOptions } from 'mqtt'
import { startBroker, type EmbeddedBroker } from '../../infra/embedded/broker.ts'
import type { OperatorTopic } from '../../infra/embedded/broker-topics.ts'
import {
  clientUnder,
  newHierarchy,
  pemOf,
  serverUnder,
  type Credentials,
} from '../support/authority.ts'
import { until } from '../support/until.ts'

const authorities = newHierarchy()
const foreign = newHierarchy()
const refused = new Set<string>()
const topics: OperatorTopic[] = [{ filter: 'telemetry/{id}/#', device: 'publish' }]
let broker: EmbeddedBroker
const clients: MqttClient[] = []

before(async () => {
  broker = await startBroker({
    host: '127.0.0.1',
    port: 0,
    tls: async () => ({
      ...serverUnder(authorities.server),
      authorities: [authorities.root, authorities.issuing, authorities.service].map(pemOf),
    }),
    topics: () => topics,
    admit: async ({ certificate }) => {
      const id = certificate.subject.replace(/^[^]*CN=/, '')
      if (refused.has(id)) return undefined
      const service = certificate.issuer.includes('Service')
      return { kind: service ? 'service' : 'device', id }
    },
  })
})
after(async () => {
  for (const client of clients) client.end(true)
  await broker.close()
})

function open(credentials: Partial<Credentials>, more: IClientOptions = {}): MqttClient {
  const client = mqtt.connect({
    host: 'localhost',
    port: broker.port,
    protocol: 'mqtts',
    ca: pemOf(authorities.server),
    ...credentials,
    protocolVersion: 4,
    reconnectPeriod: 0,
    clientId: 'said',
    ...more,
  })
  clients.push(client)
  return client
}

async function connect(
  credentials: Partial<Credentials>,
  more: IClientOptions = {},
): Promise<MqttClient> {
  const client = open(credentials, more)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  client.once('connect', () => resolve())
  client.on('error', reject)
  client.once('close', () => reject(new Error('closed')))
  await promise
  return client
}

const device = (id: string) => clientUnder(authorities.issuing, id)

function happens(client: MqttClient, event: 'connect' | 'close'): Promise<void> {
  return new Promise((resolve) => {
    client.once(event, () => resolve())
  })
}

let insiders = 0

/** A client within the process, as the connector is one. */
async function inside(): Promise<MqttClient> {
  const clientId = `_muster-${(insiders += 1)}`
  const client = new MqttClient(() => broker.connect(clientId), {
    clientId,
    protocolVersion: 4,
    reconnectPeriod: 0,
  })
  clients.push(client)
  await happens(client, 'connect')
  return client
}

interface Heard {
  readonly topic: string
  readonly text: string
  readonly retain: boolean
}

function hear(client: MqttClient): Heard[] {
  const heard: Heard[] = []
  client.on('message', (topic, payload, packet) =>
    heard.push({ topic, text: payload.toString(), retain: packet.retain }),
  )
  return heard
}

async function granted(client: MqttClient, topic: string): Promise<boolean> {
  return client.subscribeAsync(topic, { qos: 1 }).then(
    (grants) => grants.every((grant) => grant.qos < 128),
    () => false,
  )
}

async function raw(credentials: Credentials): Promise<TLSSocket> {
  const socket = tlsConnect({
    ...credentials,
    ca: pemOf(authorities.server),
    host: 'localhost',
    port: broker.port,
  })
  await once(socket, 'secureConnect')
  socket.on('error', () => undefined)
  return socket
}

test('fail/no-certificate', () => assert.rejects(connect({})))
test('fail/certificate-of-another-authority-of-equal-name', () =>
  assert.rejects(connect(clientUnder(foreign.issuing, 'd1'))))
test('fail/certificate-of-the-claim-root', () =>
  assert.rejects(connect(clientUnder(authorities.claim, 'd1'))))
test('fail/expired-certificate', () =>
  assert.rejects(connect(clientUnder(authorities.issuing, 'd1', new Date(2020, 1)))))

test('fail/device-that-the-registry-refuses-gets-connack-5', async () => {
  refused.add('d-refused')
  await assert.rejects(connect(device('d-refused')), { code: 5 })
})

test('fail/mqtt-5-gets-connack-1', async () => {
  await assert.rejects(connect(device('d5'), { protocolVersion: 5 }))
})

test('fail/another-devices-topics-are-acknowledged-and-dropped', async () => {
  const connector = await inside()
  const heard = hear(connector)
  await connector.subscribeAsync(['devices/+/shadow/update', '$denied', 'devices/+/status'], {
    qos: 1,
  })
  const client = await connect(device('d1'))
  await client.publishAsync('devices/d2/shadow/update', 'forged', { qos: 1 })
  await client.publishAsync('devices/d1/shadow/update', 'mine', { qos: 1 })
  await until('the own message', () => heard.some(({ text }) => text === 'mine'))
  assert.ok(!heard.some(({ text }) => text === 'forged'))
})

test('fail/a-will-on-another-devices-topic-is-never-sent', async () => {
  const connector = await inside()
  const heard = hear(connector)
  await connector.subscribeAsync('devices/+/status', { qos: 1 })
  const payload = Buffer.from('forged will')
  const client = await connect(device('d-will'), {
    will: { topic: 'devices/victim/status', payload, qos: 1, retain: true },
  })
  client.stream.destroy()
  await sleep(300)
  assert.deepEqual(heard, [])
})

test('fail/wide-filters-are-refused', async () => {
  const client = await connect(device('d-wide'))
  for (const topic of ['#', '+/+/shadow/delta', 'devices/#', '$SYS/#', '$share/g/#', 'muster/#'])
    assert.equal(await granted(client, topic), false, topic)
})

test('fail/own-requests-are-not-delivered-back', async () => {
  const client = await connect(device('d-echo'))
  const heard = hear(client)
  assert.ok(await granted(client, 'devices/d-echo/#'))
  await client.publishAsync('devices/d-echo/shadow/update', 'x', { qos: 1 })
  const connector = await inside()
  await connector.publishAsync('devices/d-echo/shadow/delta', 'delta', { qos: 1 })
  await until('the delta', () => heard.length > 0)
  assert.deepEqual(
    heard.map(({ text }) => text),
    ['delta'],
  )
})

test('fail/a-request-with-retain-is-not-kept', async () => {
  const client = await connect(device('d-retain'))
  await client.publishAsync('devices/d-retain/shadow/get', 'x', { qos: 1, retain: true })
  const connector = await inside()
  const heard = hear(connector)
  await connector.subscribeAsync('devices/d-retain/#', { qos: 1 })
  await sleep(200)
  assert.deepEqual(heard, [])
})

test('fail/a-packet-above-the-limit-ends-the-connection-at-its-header', async () => {
  const socket = await raw(device('d-large'))
  const connectPacket = Buffer.from('100d00044d5154540402003c000161', 'hex')
  socket.write(connectPacket)
  await once(socket, 'data')
  const closed = once(socket, 'close')
  socket.write(Buffer.from([0x30, 0x81, 0x80, 0x80, 0x02]))
  await closed
})

test('fail/a-service-account-has-no-device-topics', async () => {
  const client = await connect(clientUnder(authorities.service, 'app'))
  assert.equal(await granted(client, 'devices/+/shadow/update'), false)
  assert.equal(await granted(client, '#'), false)
})

test('fail/a-service-account-named-like-a-device-does-not-take-its-session', async () => {
  const victim = await connect(device('d-named'))
  await connect(clientUnder(authorities.service, 'd-named'), { clientId: 'd-named' })
  await sleep(100)
  assert.ok(victim.connected)
})

test('ok/the-client-id-is-the-certificates-name', async () => {
  const first = await connect(device('d-id'), { clientId: 'd-other' })
  const other = await connect(device('d-other'))
  assert.ok(broker.connected.has('d-id') && broker.connected.has('d-other'))
  await sleep(100)
  assert.ok(first.connected && other.connected)
})

test('ok/the-leaf-alone-or-with-its-chain', async () => {
  const { cert, key } = device('d-chain')
  await connect({ cert, key })
  await connect({ cert: cert + pemOf(authorities.issuing) + pemOf(authorities.root), key })
})

test('ok/retained-configuration-waits-for-the-device', async () => {
  const connector = await inside()
  const topic = 'devices/d-config/config/desired'
  await connector.publishAsync(topic, 'old', { qos: 1, retain: true })
  await connector.publishAsync(topic, 'new', { qos: 1, retain: true })
  const client = await connect(device('d-config'))
  const heard = hear(client)
  await client.subscribeAsync(topic, { qos: 1 })
  await until('the document', () => heard.length > 0)
  assert.deepEqual(heard, [{ topic, text: 'new', retain: true }])
})

test('ok/qos-0-with-and-without-retain-from-the-same-bytes', async () => {
  const connector = await inside()
  const heard = hear(connector)
  await connector.subscribeAsync('devices/d-mixed/#', { qos: 1 })
  const client = await connect(device('d-mixed'))
  for (let n = 0; n < 20; n++) {
    client.publish('devices/d-mixed/config/reported', String(n), { qos: 0, retain: true })
    client.publish('devices/d-mixed/shadow/update', String(n), { qos: 0 })
  }
  await until('all forty', () => heard.length === 40)
})

test('ok/messages-while-away-are-kept-for-a-session', async () => {
  const credentials = device('d-away')
  const topic = 'devices/d-away/shadow/delta'
  const first = await connect(credentials, { clean: false })
  await first.subscribeAsync(topic, { qos: 1 })
  await first.endAsync()
  const connector = await inside()
  await connector.publishAsync(topic, 'while away', { qos: 1 })
  const again = open(credentials, { clean: false })
  const heard = hear(again)
  await until('the message', () => heard.length > 0)
  assert.equal(heard[0]?.text, 'while away')
})

test('ok/a-queue-ends-and-what-came-first-stays', async () => {
  const credentials = device('d-full')
  const topic = 'devices/d-full/shadow/delta'
  const first = await connect(credentials, { clean: false })
  await first.subscribeAsync(topic, { qos: 1 })
  await first.endAsync()
  const connector = await inside()
  for (let n = 0; n < 1100; n++) await connector.publishAsync(topic, String(n), { qos: 1 })
  const again = open(credentials, { clean: false })
  const heard = hear(again)
  await until('a thousand', () => heard.length === 1000)
  await sleep(200)
  assert.equal(heard.length, 1000)
  await connector.publishAsync(topic, 'after', { qos: 1 })
  await until('the next', () => heard.at(-1)?.text === 'after')
})

test('ok/presence-and-subscriptions-are-told', async () => {
  const connector = await inside()
  const heard = hear(connector)
  await connector.subscribeAsync('$SYS/broker/log/#', { qos: 1 })
  const client = await connect(device('d-log'))
  await client.subscribeAsync('devices/d-log/shadow/delta', { qos: 1 })
  await client.endAsync()
  await until('three lines', () => heard.filter(({ text }) => text.includes('d-log')).length === 3)
  const told = heard.filter(({ text }) => text.includes('d-log'))
  assert.match(told[0]?.text ?? '', /^\d+: New client connected from 127\.0\.0\.1 as d-log \(/)
  assert.equal(told[1]?.topic, '$SYS/broker/log/M/subscribe')
  assert.match(told[1]?.text ?? '', /^\d+: d-log 1 devices\/d-log\/shadow\/delta$/)
  assert.match(told[2]?.text ?? '', /^\d+: Client d-log disconnected\.$/)
})

test('ok/kick-ends-the-connection-and-sends-the-will', async () => {
  const connector = await inside()
  const heard = hear(connector)
  await connector.subscribeAsync('devices/d-kick/status', { qos: 1 })
  const client = await connect(device('d-kick'), {
    will: { topic: 'devices/d-kick/status', payload: Buffer.from('gone'), qos: 1, retain: false },
  })
  const closed = happens(client, 'close')
  assert.equal(broker.kick('d-kick'), true)
  await closed
  await until('the will', () => heard.length > 0)
  assert.equal(broker.kick('d-kick'), false)
})

test('ok/operators-topics-reach-a-service-account', async () => {
  const application = await connect(clientUnder(authorities.service, 'app'))
  const heard = hear(application)
  assert.ok(await granted(application, 'telemetry/+/#'))
  const client = await connect(device('d-tele'))
  await client.publishAsync('telemetry/d-tele/cpu', '42', { qos: 1 })
  await client.publishAsync('telemetry/d-else/cpu', 'forged', { qos: 1 })
  await client.publishAsync('telemetry/d-tele/end', 'x', { qos: 1 })
  await until('the end', () => heard.some(({ topic }) => topic === 'telemetry/d-tele/end'))
  assert.deepEqual(
    heard.map(({ text }) => text),
    ['42', 'x'],
  )
})

test('ok/reload-takes-new-authorities', async () => {
  await broker.reload()
  await connect(device('d-reload'))
})

test('ok/close-waits-for-nobody-who-never-shakes-hands', async () => {
  const other = await startBroker({
    host: '127.0.0.1',
    port: 0,
    tls: async () => ({ ...serverUnder(authorities.server), authorities: [] }),
    admit: async () => undefined,
  })
  const socket = connectTcp(other.port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  await sleep(50)
  const began = performance.now()
  await other.close()
  assert.ok(performance.now() - began < 1000)
})
