// Attacks 10 to 12 and 14 to 18 on Mosquitto as it is set up for devices, with the broker agent beside it.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { signCrl } from '../../shared/pki/crl-write.ts'
import { openIssuer } from '../../shared/pki/issuer.ts'
import { clientUnder } from '../support/authority.ts'
import { brokerSetting, closedWithin, type BrokerSetting } from '../support/broker-setting.ts'
import { deviceKey } from '../support/csr.ts'
import { insertBootstrapToken } from '../support/identity.ts'
import { hasMosquitto } from '../support/mosquitto.ts'
import { needs } from '../support/needs.ts'

const options = needs('mosquitto', hasMosquitto)
let setting: BrokerSetting
before(async () => {
  if (hasMosquitto) setting = await brokerSetting()
})
after(() => setting?.[Symbol.asyncDispose]())

const connector = () =>
  setting.connect(setting.broker.connector, { port: setting.broker.servicePort })

/** Everything the connector hears below devices/. */
async function listen(): Promise<{ heard: string[]; close: () => Promise<void> }> {
  const client = await connector()
  const heard: string[] = []
  client.on('message', (topic) => heard.push(topic))
  await client.subscribeAsync(['devices/#', '$aws/#'], { qos: 1 })
  return { heard, close: () => client.endAsync() }
}

test('attack 10: a will on another device’s topic is never sent', options, async () => {
  const device = await setting.enrolled('b10')
  const ear = await listen()
  for (const topic of ['devices/b10-other/status', 'muster/1/gone', 'devices/b10/shadow/delta']) {
    const client = await setting.connect(device, {
      will: { topic, payload: Buffer.from('{}'), qos: 1, retain: true },
    })
    client.stream.destroy()
    await sleep(100)
  }
  await sleep(300)
  assert.deepEqual(ear.heard, [])
  await ear.close()
})

test(
  'attack 11: another’s client id neither kicks it nor inherits its session',
  options,
  async () => {
    const [victim, thief] = [await setting.enrolled('b11'), await setting.enrolled('b11-thief')]
    const session = { clean: false, properties: { sessionExpiryInterval: 600 } }
    const first = await setting.connect(victim, session)
    await first.subscribeAsync('devices/b11/ota/notify', { qos: 1 })
    const other = await setting.connect(thief, { ...session, clientId: 'b11' })
    const stolen: string[] = []
    other.on('message', (topic) => stolen.push(topic))
    await sleep(200)
    assert.ok(first.connected)
    await first.endAsync()
    const publisher = await connector()
    await publisher.publishAsync('devices/b11/ota/notify', 'x', { qos: 1 })
    await sleep(200)
    assert.deepEqual(stolen, [])
    await other.endAsync()
    await publisher.endAsync()
  },
)

test(
  'attack 12: revoked while connected: out within a second, and stays out',
  options,
  async () => {
    const device = await setting.enrolled('b12')
    const client = await setting.connect(device)
    // Past the agent's look at who arrived, which would throw it off before the CRL is there.
    await sleep(300)
    await setting.revoke('b12')
    assert.ok((await closedWithin(client, 3000)) < 1000)
    for (let i = 0; i < 5; i++) {
      await assert.rejects(setting.connect(device))
      await sleep(300)
    }
  },
)

test('attack 14: #, +, $share and $SYS leak nothing', options, async () => {
  const device = await setting.enrolled('b14')
  const other = await setting.enrolled('b14-other')
  const client = await setting.connect(device)
  const heard: string[] = []
  client.on('message', (topic) => heard.push(topic))
  const filters = [
    '#',
    '+/#',
    'devices/+/+/+',
    '$share/g/#',
    '$share/g/devices/#',
    '$SYS/#',
    'muster/#',
  ]
  for (const filter of filters)
    await client.subscribeAsync(filter, { qos: 1 }).catch(() => undefined)
  const talker = await setting.connect(other)
  await talker.publishAsync('devices/b14-other/shadow/update', 'x', { qos: 1 })
  const publisher = await connector()
  for (const topic of [
    'devices/b14-other/shadow/delta',
    'muster/1/mark',
    '$aws/things/b14-other/jobs/notify',
  ]) {
    await publisher.publishAsync(topic, 'x', { qos: 1 })
  }
  await sleep(400)
  assert.deepEqual(heard, [])
  await Promise.all([client, talker, publisher].map((each) => each.endAsync()))
})

test('attack 15: names that are filters, empty, or too long', options, async () => {
  const { token } = await tokenFor()
  for (const id of [
    '',
    '+',
    '#',
    'a/b',
    'a\u0000b',
    'a'.repeat(65),
    '.a',
    'a b',
    'ä',
    '\u202egnp',
  ]) {
    const body = { device_id: id, csr: deviceKey().csr('/CN=b15'), token }
    const response = await setting.functions.call('enroll', '/api/v1/enroll', { body })
    assert.equal(response.status, 400, JSON.stringify(id))
  }
  // Were such a certificate issued all the same, the broker would not take it.
  for (const name of ['+', '#', 'b15+', 'a/#']) {
    const client = await setting
      .connect(clientUnder(setting.functions.hierarchy.issuing, name))
      .catch(() => undefined)
    if (!client) continue
    const ear = await listen()
    // The broker may close instead of answering.
    client.publish(`devices/${name}/status`, 'x', { qos: 1 })
    client.publish('devices/b14/status', 'x', { qos: 1 })
    await sleep(150)
    assert.deepEqual(ear.heard, [], name)
    client.end(true)
    await ear.close()
  }
})

async function tokenFor(): Promise<{ token: string }> {
  return { token: (await insertBootstrapToken(setting.cloned.db, { uses: 20 })).text }
}

test('attack 16: devices named like the connector leave its session alone', options, async () => {
  const { token } = await tokenFor()
  const body = { device_id: '_muster-1', csr: deviceKey().csr('/CN=_muster-1'), token }
  const response = await setting.functions.call('enroll', '/api/v1/enroll', { body })
  assert.equal(response.status, 400)
  const slot = await setting.connect(setting.broker.connector, {
    port: setting.broker.servicePort,
    clientId: '_muster-1',
    clean: false,
  })
  for (const id of ['connector', 'muster-1', 'broker-agent']) {
    const client = await setting.connect(await setting.enrolled(id), { clientId: '_muster-1' })
    await sleep(100)
    const ear = await listen()
    await client.publishAsync('devices/b14/shadow/delta', 'x', { qos: 1 }).catch(() => undefined)
    await sleep(100)
    assert.deepEqual(ear.heard, [])
    await ear.close()
    await client.endAsync()
  }
  assert.ok(slot.connected)
  await slot.endAsync()
})

test(
  'attack 17: a CRL that ends soon, was cut off, is older, or is another’s: the last good one stays',
  options,
  async () => {
    const { cloned, functions, broker } = setting
    const file = path.join(broker.folder, 'device-crl.pem')
    await setting.enrolled('b17')
    await setting.revoke('b17')
    await sleep(300)
    const good = readFileSync(file, 'utf8')
    const [row] = await cloned.db.unnamed<{ issuer_id: number; number: bigint; der: Buffer }>(
      'crl',
      `select c.issuer_id, c.number, c.der from crls c join issuers i using (issuer_id) where i.state = 'active' and shard = 1`,
      [],
    )
    assert.ok(row)
    const { issuing, root } = functions.hierarchy
    const now = new Date()
    const hours = (n: number) => new Date(now.getTime() + n * 3_600_000)
    const crl = (number: bigint, nextUpdate: Date, authority = issuing) =>
      signCrl(openIssuer(authority.certificate.der, authority.key), {
        number,
        thisUpdate: now,
        nextUpdate,
        revoked: [],
      })
    const bad = [
      crl(row.number + 1n, hours(47)),
      row.der.subarray(0, -20),
      crl(row.number - 1n, hours(100)),
      crl(row.number + 1n, hours(100), root),
      Buffer.from('nonsense'),
    ]
    for (const [at, der] of bad.entries()) {
      await cloned.db.unnamed(
        'bad',
        `update crls set der = $1, number = $2 where issuer_id = $3 and shard = 1`,
        [der, row.number + BigInt(at) + 10n, row.issuer_id],
      )
      await broker.agent.look()
      assert.equal(readFileSync(file, 'utf8'), good, `bad CRL ${at}`)
    }
    const device = await setting.enrolled('b17-live')
    await (await setting.connect(device)).endAsync()
    await cloned.db.unnamed(
      'good',
      `update crls set der = $1, number = $2 where issuer_id = $3 and shard = 1`,
      [row.der, row.number, row.issuer_id],
    )
  },
)

test(
  'attack 18: an authority that was stolen signs no way past the registry',
  options,
  async () => {
    // A certificate of the right authority that the registry does not know: the broker lets it in, functions do not, and no id but its own is reached.
    const forged = clientUnder(setting.functions.hierarchy.next[0], 'b18')
    const client = await setting.connect(forged)
    const ear = await listen()
    await client.publishAsync('devices/b14/shadow/update', 'x', { qos: 1 }).catch(() => undefined)
    await sleep(150)
    assert.deepEqual(ear.heard, [])
    await client.endAsync()
    await ear.close()
    const certificate = Buffer.from(forged.cert.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64')
    const body = { csr: deviceKey().csr('/CN=b18') }
    const renewed = await setting.functions.call('enroll', '/api/v1/enroll/renew', {
      body,
      certificate,
    })
    assert.equal(renewed.status, 401)
  },
)
