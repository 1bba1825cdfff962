import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { only, TAG } from '../../shared/pki/der-read.ts'
import { signDeviceCertificate } from '../../shared/pki/device-certificate.ts'
import { openIssuer } from '../../shared/pki/issuer.ts'
import { readKey } from '../../shared/pki/key.ts'
import { certificatePem } from '../../shared/pki/pem.ts'
import { Profile } from '../../shared/pki/profile.ts'
import { clientUnder, newHierarchy } from '../support/authority.ts'
import {
  brokerSetting,
  closedWithin,
  type BrokerSetting,
  type ConnectOptions,
} from '../support/broker-setting.ts'
import { deviceKey } from '../support/csr.ts'
import { hasMosquitto } from '../support/mosquitto.ts'
import { needs } from '../support/needs.ts'

const options = needs('mosquitto', hasMosquitto)
let setting: BrokerSetting
before(async () => {
  if (hasMosquitto) setting = await brokerSetting()
})
after(() => setting?.[Symbol.asyncDispose]())

const enrolled = (id: string) => setting.enrolled(id)
const connect = (files: { cert?: string; key?: string }, more?: ConnectOptions) =>
  setting.connect(files, more)
const refused = (files: { cert?: string; key?: string }, more?: ConnectOptions) =>
  assert.rejects(connect(files, more))

test('ok/leaf alone, and with its chain', options, async () => {
  const device = await enrolled('mq-1')
  for (const cert of [device.cert, device.cert + device.chain]) {
    const client = await connect({ cert, key: device.key })
    await client.endAsync()
  }
})

test('ok/a leaf of the next authority, without a restart', options, async () => {
  const { next } = setting.functions.hierarchy
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
    await refused(clientUnder(setting.functions.hierarchy.claim, 'mq-1'))
    await refused(clientUnder(setting.functions.hierarchy.service, 'connector'))
  },
)

test('fail/a device on the service listener, also one named connector', options, async () => {
  const device = await enrolled('connector')
  await refused(device, { port: setting.broker.servicePort })
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
  const connector = await connect(setting.broker.connector, { port: setting.broker.servicePort })
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
  // Past the agent's look at who arrived, which would throw it off before the CRL is there.
  await sleep(300)
  const response = await setting.revoke('mq-revoked')
  assert.equal(((await response.json()) as { revoked: string[] }).revoked.length, 1)
  const took = await closedWithin(client, 2000)
  assert.ok(took < 1000, `${took} ms`)
  await refused(device)
  assert.ok(kept.connected)
  await kept.endAsync()
})

const set = (status: string) =>
  setting.cloned.db.unnamed(
    'status',
    `with u as (update devices set status = $2, updated_at = now() where device_id = $1 returning device_id)
     select pg_notify('device', device_id) from u`,
    ['mq-suspended', status],
  )

test('ok/suspended: off, again on each connect; resumed it goes on', options, async () => {
  const device = await enrolled('mq-suspended')
  const first = await connect(device)
  await set('suspended')
  assert.ok((await closedWithin(first, 2000)) < 1000)
  for (let i = 0; i < 2; i++) {
    const again = await connect(device).catch(() => undefined)
    if (again) assert.ok((await closedWithin(again, 2000)) < 1000)
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
    await setting.cloned.db.unnamed(
      'topic',
      `insert into topics (filter, device) values ('telemetry/{id}/#', 'publish'), ('commands/{id}', 'subscribe')`,
      [],
    )
    await setting.broker.agent.look()
    await sleep(300)
    const device = await enrolled('mq-app')
    const application = await connect(setting.broker.service('application'), {
      port: setting.broker.servicePort,
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
  const bundle = await setting.functions.call('pki', '/pki/ca.pem')
  assert.equal((await bundle.text()).match(/BEGIN/g)?.length, 4)
  const device = await enrolled('mq-crl')
  const { serialNumber } = new X509Certificate(device.cert)
  await setting.revoke('mq-crl')
  const response = await setting.functions.call('pki', '/pki/crl')
  assert.equal(response.headers.get('content-type'), 'application/pkix-crl')
  const der = Buffer.from(await response.arrayBuffer())
  assert.ok(der.includes(Buffer.from(serialNumber, 'hex')))
  const etag = response.headers.get('etag') ?? ''
  const same = await setting.functions.call('pki', '/pki/crl', {
    headers: { 'if-none-match': etag },
  })
  assert.equal(same.status, 304)
})

const replace = async (id: string, usedAt: Date | null) => {
  await setting.cloned.db.unnamed(
    'replace',
    `with o as (update certificates set state = 'superseded' where device_id = $1 returning *)
     insert into certificates (device_id, serial, issuer_id, sha256, spki_sha256, profile, not_before, not_after, renew_at, used_at, der)
     select device_id, sha256(serial), issuer_id, sha256(sha256), sha256(spki_sha256), profile, now(), not_after, renew_at, $2, der from o`,
    [id, usedAt],
  )
}

test(
  'ok/replaced: the broker refuses it once its successor was used, and not before',
  options,
  async () => {
    const [used, unused] = [await enrolled('mq-replaced'), await enrolled('mq-overlap')]
    const [client, kept] = [await connect(used), await connect(unused)]
    await setting.cloned.db.unnamed(
      'presence',
      `insert into device_presence (device_id, last_seen, connected, connected_at)
     select id, now(), true, now() from unnest(array['mq-replaced', 'mq-overlap']) id`,
      [],
    )
    await sleep(300)
    await replace('mq-replaced', new Date())
    await replace('mq-overlap', null)
    await enrolled('mq-other')
    // Whatever publishes a CRL; by itself it is renewed twice a day.
    await setting.revoke('mq-other')
    assert.ok((await closedWithin(client, 2000)) < 1500)
    await refused(used)
    assert.ok(kept.connected)
    await (await connect(unused)).endAsync()
    const crl = await setting.functions.call('pki', '/pki/crl')
    const der = Buffer.from(await crl.arrayBuffer())
    const serial = Buffer.from(new X509Certificate(used.cert).serialNumber, 'hex')
    assert.ok(!der.includes(serial), 'the public CRL holds what was revoked, and nothing else')
  },
)
