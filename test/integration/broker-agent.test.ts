import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt'
import { openIssuer } from '../../shared/pki/issuer.ts'
import { only, TAG } from '../../shared/pki/der-read.ts'
import { readKey } from '../../shared/pki/key.ts'
import { certificatePem, fromPem } from '../../shared/pki/pem.ts'
import { Profile } from '../../shared/pki/profile.ts'
import { signDeviceCertificate } from '../../shared/pki/device-certificate.ts'
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { clientUnder, newHierarchy, pemOf } from '../support/authority.ts'
import { deviceKey } from '../support/csr.ts'
import { startDeviceBroker, type DeviceBroker } from '../support/device-broker.ts'
import {
  allow,
  insertBootstrapToken,
  startIdentity,
  type IdentityFunctions,
} from '../support/identity.ts'
import { hasMosquitto } from '../support/mosquitto.ts'
import { needs } from '../support/needs.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'

const options = needs('mosquitto', hasMosquitto)
let cloned: TestDatabase
let functions: IdentityFunctions
let broker: DeviceBroker
before(async () => {
  if (!hasMosquitto) return
  cloned = await cloneDatabase()
  functions = await startIdentity(cloned)
  broker = await startDeviceBroker(cloned, functions.hierarchy)
})
after(async () => {
  if (!hasMosquitto) return
  await broker[Symbol.asyncDispose]()
  await cloned[Symbol.asyncDispose]()
})

interface Enrolled {
  readonly id: string
  readonly cert: string
  readonly chain: string
  readonly key: string
}

async function enrolled(id: string): Promise<Enrolled> {
  await allow(cloned.db, id)
  const token = await insertBootstrapToken(cloned.db)
  const { key, csr } = deviceKey()
  const body = { device_id: id, csr: csr(`/CN=${id}`), token: token.text }
  const response = await functions.call('enroll', '/api/v1/enroll', { body })
  assert.equal(response.status, 200, await response.clone().text())
  const answer = (await response.json()) as { certificate: string; chain: string }
  return { id, cert: answer.certificate, chain: answer.chain, key }
}

type More = IClientOptions & { port?: number }

async function connect(
  files: { cert?: string; key?: string },
  more: More = {},
): Promise<MqttClient> {
  const { port = broker.devicePort, ...rest } = more
  const client = await connectAsync(
    `mqtts://localhost:${port}`,
    {
      ca: broker.ca,
      ...files,
      reconnectPeriod: 0,
      connectTimeout: 3000,
      protocolVersion: 5,
      ...rest,
    },
    false,
  )
  client.on('error', () => undefined)
  return client
}

const refused = (files: { cert?: string; key?: string }, more: More = {}) =>
  assert.rejects(connect(files, more))
const signed = { actor: 'token test', source: '127.0.0.1', call_id: 'c' }
const revoke = (deviceId: string) =>
  functions.internal('pki', '/internal/revoke', { device_id: deviceId, ...signed })

async function within(client: MqttClient, milliseconds: number): Promise<number> {
  const started = performance.now()
  const late = AbortSignal.timeout(milliseconds)
  const gone = new Promise<void>((resolve, reject) => {
    client.once('close', resolve)
    late.addEventListener('abort', () => reject(new Error('still connected')))
  })
  if (client.connected) await gone
  return performance.now() - started
}

test('ok/leaf alone, and with its chain', options, async () => {
  const device = await enrolled('mq-1')
  for (const cert of [device.cert, device.cert + device.chain]) {
    const client = await connect({ cert, key: device.key })
    await client.endAsync()
  }
})

test('ok/a leaf of the next authority, without a restart', options, async () => {
  const { next } = functions.hierarchy
  const { key } = deviceKey()
  const spki = createPublicKey(createPrivateKey(key)).export({ type: 'spki', format: 'der' })
  for (const authority of next) {
    const { der } = signDeviceCertificate(openIssuer(authority.certificate.der, authority.key), {
      profile: Profile.parse({}),
      deviceId: 'mq-next',
      key: readKey(spki, only(spki, TAG.sequence)),
      now: new Date(),
    })
    const client = await connect({ cert: certificatePem(der), key })
    await client.endAsync()
  }
})

test(
  'fail/no certificate, a foreign one, one of a foreign authority of the same name, a claim',
  options,
  async () => {
    const foreign = newHierarchy('test')
    await refused({})
    await refused(clientUnder(foreign.issuing, 'mq-1'))
    await refused(clientUnder(foreign.root, 'mq-1'))
    await refused(clientUnder(functions.hierarchy.claim, 'mq-1'))
    await refused(clientUnder(functions.hierarchy.service, 'connector'))
  },
)

test('fail/a device on the service listener, also one named connector', options, async () => {
  const device = await enrolled('connector')
  await refused(device, { port: broker.servicePort })
  const client = await connect(device)
  await client.endAsync()
})

test('ok/another device’s client id takes nobody’s session', options, async () => {
  const [victim, thief] = [await enrolled('mq-victim'), await enrolled('mq-thief')]
  const client = await connect(victim)
  const other = await connect(thief, { clientId: 'mq-victim' })
  await sleep(200)
  assert.ok(client.connected && other.connected)
  await client.endAsync()
  await other.endAsync()
})

const OUT = ['shadow/update', 'shadow/name/net/get', 'ota/status', 'config/reported', 'status']
const IN = ['shadow/delta', 'shadow/update/accepted', 'ota/notify', 'cert/renew', 'config/desired']
const below = (id: string, topics: readonly string[]) =>
  topics.map((each) => `devices/${id}/${each}`)

test('ok/own topics only: requests out, answers in', options, async () => {
  const device = await enrolled('mq-topics')
  const connector = await connect(broker.connector, { port: broker.servicePort })
  const heard = new Set<string>()
  await connector.subscribeAsync(['devices/#', '$aws/#'], { qos: 1 })
  const client = await connect(device)
  const received = new Set<string>()
  client.on('message', (topic) => received.add(topic))
  await client.subscribeAsync(['devices/#', '#', '$SYS/#', '$aws/things/#'], { qos: 1 })
  connector.on('message', (topic) => heard.add(topic))
  const tries = [...below('mq-topics', [...OUT, ...IN, 'x']), ...below('mq-1', OUT)]
  for (const topic of tries)
    await client.publishAsync(topic, 'x', { qos: 1 }).catch(() => undefined)
  await sleep(300)
  assert.deepEqual([...heard].toSorted(), below('mq-topics', OUT).toSorted())
  assert.deepEqual([...received], [])
  for (const topic of [...below('mq-topics', IN), ...below('mq-1', IN)]) {
    await connector.publishAsync(topic, 'y', { qos: 1 })
  }
  await sleep(300)
  assert.deepEqual([...received].toSorted(), below('mq-topics', IN).toSorted())
  await client.endAsync()
  await connector.endAsync()
})

test('ok/revoked while connected: off within a second, and stays off', options, async () => {
  const [device, other] = [await enrolled('mq-revoked'), await enrolled('mq-kept')]
  const [client, kept] = [await connect(device), await connect(other)]
  const response = await revoke('mq-revoked')
  assert.equal(((await response.json()) as { revoked: string[] }).revoked.length, 1)
  const took = await within(client, 2000)
  assert.ok(took < 1000, `${took} ms`)
  await refused(device)
  assert.ok(kept.connected)
  await kept.endAsync()
})

const set = (status: string) =>
  cloned.db.unnamed(
    'status',
    `with u as (update devices set status = $2, updated_at = now() where device_id = $1 returning device_id)
     select pg_notify('device', device_id) from u`,
    ['mq-suspended', status],
  )

test('ok/suspended: off, again on each connect; resumed it goes on', options, async () => {
  const device = await enrolled('mq-suspended')
  const first = await connect(device)
  await set('suspended')
  assert.ok((await within(first, 2000)) < 1000)
  for (let i = 0; i < 2; i++) {
    const again = await connect(device).catch(() => undefined)
    if (again) assert.ok((await within(again, 2000)) < 1000)
  }
  await set('active')
  await sleep(1200)
  const resumed = await connect(device)
  await sleep(1500)
  assert.ok(resumed.connected)
  await resumed.endAsync()
})

test(
  'ok/an operator’s topic reaches the operator’s application, and nothing else does',
  options,
  async () => {
    await cloned.db.unnamed(
      'topic',
      `insert into topics (filter, device) values ('telemetry/{id}/#', 'publish'), ('commands/{id}', 'subscribe')`,
      [],
    )
    await broker.agent.look()
    await sleep(300)
    const device = await enrolled('mq-app')
    const application = await connect(broker.service('application'), {
      port: broker.servicePort,
    })
    const heard: string[] = []
    application.on('message', (topic) => heard.push(topic))
    await application.subscribeAsync(['#', 'devices/#', 'telemetry/#'], { qos: 1 })
    const client = await connect(device)
    const received: string[] = []
    client.on('message', (topic) => received.push(topic))
    await client.subscribeAsync(['commands/mq-app', 'commands/mq-1'], { qos: 1 })
    for (const topic of [
      'telemetry/mq-app/temp',
      'telemetry/mq-1/temp',
      'devices/mq-app/status',
      'commands/mq-app',
    ]) {
      await client.publishAsync(topic, 'x', { qos: 1 }).catch(() => undefined)
    }
    for (const topic of ['commands/mq-app', 'commands/mq-1', 'devices/mq-app/shadow/delta']) {
      await application.publishAsync(topic, 'x', { qos: 1 }).catch(() => undefined)
    }
    await sleep(300)
    // Its subscriptions overlap, and it may publish what it hears.
    assert.deepEqual(
      new Set(heard),
      new Set(['telemetry/mq-app/temp', 'commands/mq-app', 'commands/mq-1']),
    )
    assert.deepEqual(received, ['commands/mq-app'])
    await client.endAsync()
    await application.endAsync()
  },
)

test('ok/pki serves the authorities and a CRL that names the revoked', options, async () => {
  const bundle = await functions.call('pki', '/pki/ca.pem')
  assert.equal((await bundle.text()).match(/BEGIN/g)?.length, 4)
  const device = await enrolled('mq-crl')
  const { serialNumber } = new X509Certificate(device.cert)
  await revoke('mq-crl')
  const response = await functions.call('pki', '/pki/crl')
  assert.equal(response.headers.get('content-type'), 'application/pkix-crl')
  const der = Buffer.from(await response.arrayBuffer())
  assert.ok(der.includes(Buffer.from(serialNumber, 'hex')))
  const etag = response.headers.get('etag') ?? ''
  const same = await functions.call('pki', '/pki/crl', { headers: { 'if-none-match': etag } })
  assert.equal(same.status, 304)
  assert.ok(fromPem(pemOf(functions.hierarchy.root), 'CERTIFICATE'))
})
