// Who may connect to the embedded broker, and who is thrown off, by what the registry says.
import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { after, before, test } from 'node:test'
import mqtt, { type MqttClient } from 'mqtt'
import { admitPeer } from '../../infra/embedded/start/broker-peers.ts'
import { kickBarred } from '../../infra/embedded/start/kick.ts'
import { startBroker, type EmbeddedBroker } from '../../infra/embedded/broker.ts'
import { systemClock } from '../../shared/clock.ts'
import { createLogger } from '../../shared/log.ts'
import { certificatePem } from '../../shared/pki/pem.ts'
import {
  clientUnder,
  newHierarchy,
  pemOf,
  serverUnder,
  type Credentials,
} from '../support/authority.ts'
import { insertCertificate, insertDevice } from '../support/certificate.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const DAY_MS = 86_400_000
const authorities = newHierarchy()
const service = new X509Certificate(certificatePem(authorities.service.certificate.der))
const clients: MqttClient[] = []
let database: TestDatabase
let broker: EmbeddedBroker
let kicks: { close(): Promise<void> }

before(async () => {
  database = await cloneDatabase()
  const db = database.as('broker-agent')
  broker = await startBroker({
    host: '127.0.0.1',
    port: 0,
    tls: async () => ({
      ...serverUnder(authorities.server),
      authorities: [authorities.root, authorities.issuing, authorities.service].map(pemOf),
    }),
    admit: (peer) => admitPeer({ db, clock: systemClock, service }, peer),
  })
  kicks = kickBarred({ db, directUrl: database.url, broker, log: createLogger('silent') })
})
after(async () => {
  for (const client of clients) client.end(true)
  await kicks.close()
  await broker.close()
  await database[Symbol.asyncDispose]()
})

function shown({ cert }: Credentials) {
  const certificate = new X509Certificate(cert)
  const der = Buffer.from(certificate.raw)
  const serial = Buffer.from(certificate.serialNumber, 'hex')
  return { der, serial, sha256: createHash('sha256').update(der).digest() }
}

function admitted(credentials: Credentials) {
  const certificate = new X509Certificate(credentials.cert)
  const db = database.as('broker-agent')
  return admitPeer({ db, clock: systemClock, service }, { certificate, address: '127.0.0.1' })
}

async function enrolled(
  id: string,
  status = 'active',
  row: Parameters<typeof insertCertificate>[3] = {},
): Promise<Credentials> {
  const credentials = clientUnder(authorities.issuing, id)
  await insertDevice(database.db, id, { status })
  await insertCertificate(database.db, id, shown(credentials), row)
  return credentials
}

async function connect(credentials: Credentials): Promise<MqttClient> {
  const client = mqtt.connect({
    host: 'localhost',
    port: broker.port,
    protocol: 'mqtts',
    ca: pemOf(authorities.server),
    ...credentials,
    protocolVersion: 4,
    reconnectPeriod: 0,
  })
  clients.push(client)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  client.once('connect', () => resolve())
  client.on('error', reject)
  client.once('close', () => reject(new Error('closed')))
  await promise
  return client
}

const run = (text: string, params: readonly unknown[]) =>
  database.db.unnamed('test_change', text, params)

test('fail/certificate-that-the-registry-does-not-hold', async () => {
  await insertDevice(database.db, 'unknown')
  assert.equal(await admitted(clientUnder(authorities.issuing, 'unknown')), undefined)
})

for (const state of ['suspended', 'decommissioned']) {
  test(`fail/${state}-device`, async () => {
    assert.equal(await admitted(await enrolled(`is-${state}`, state)), undefined)
  })
}

test('fail/revoked-certificate', async () => {
  assert.equal(await admitted(await enrolled('revoked', 'active', { state: 'revoked' })), undefined)
})

test('fail/superseded-certificate-whose-successor-was-used', async () => {
  const old = await enrolled('renewed', 'active', { state: 'superseded' })
  const next = clientUnder(authorities.issuing, 'renewed')
  await insertCertificate(database.db, 'renewed', shown(next), { usedAt: new Date() })
  assert.equal(await admitted(old), undefined)
  assert.deepEqual(await admitted(next), { kind: 'device', id: 'renewed' })
})

test('fail/certificate-under-another-devices-row', async () => {
  const credentials = clientUnder(authorities.issuing, 'named-a')
  await insertDevice(database.db, 'named-b')
  await insertCertificate(database.db, 'named-b', shown(credentials))
  assert.equal(await admitted(credentials), undefined)
})

for (const name of ['#', '+', 'a/b', '_muster-1', ' ', 'a b', 'ä', 'x'.repeat(65)]) {
  test(`fail/common-name ${JSON.stringify(name.slice(0, 9))}`, async () => {
    assert.equal(await admitted(clientUnder(authorities.issuing, name)), undefined)
    assert.equal(await admitted(clientUnder(authorities.service, name)), undefined)
  })
}

test('ok/active-device, superseded-in-overlap, service-account', async () => {
  assert.deepEqual(await admitted(await enrolled('active')), { kind: 'device', id: 'active' })
  const old = await enrolled('overlap', 'active', { state: 'superseded' })
  const next = clientUnder(authorities.issuing, 'overlap')
  await insertCertificate(database.db, 'overlap', shown(next), { notBefore: new Date() })
  assert.deepEqual(await admitted(old), { kind: 'device', id: 'overlap' })
  await run(`update certificates set not_before = $2 where device_id = $1 and state = 'active'`, [
    'overlap',
    new Date(Date.now() - 8 * DAY_MS),
  ])
  assert.equal(await admitted(old), undefined, 'a week is enough')
  const account = await admitted(clientUnder(authorities.service, 'app'))
  assert.deepEqual(account, { kind: 'service', id: 'app' })
})

test('ok/suspended-while-connected: out within a second, and kept out', async () => {
  const credentials = await enrolled('live-suspended')
  const client = await connect(credentials)
  await run(`update devices set status = 'suspended' where device_id = $1`, ['live-suspended'])
  await run(`select pg_notify('device', $1)`, ['live-suspended'])
  await until('thrown off', () => !client.connected, 1)
  await assert.rejects(connect(credentials))
  await run(`update devices set status = 'active' where device_id = $1`, ['live-suspended'])
  await connect(credentials)
})

test('ok/revoked-while-connected: out within a second, the other device stays', async () => {
  const other = await connect(await enrolled('live-other'))
  const credentials = await enrolled('live-revoked')
  const client = await connect(credentials)
  await run(`update certificates set state = 'revoked' where device_id = $1`, ['live-revoked'])
  await run(`select pg_notify('crl', '')`, [])
  await until('thrown off', () => !client.connected, 1)
  await assert.rejects(connect(credentials))
  assert.ok(other.connected)
})

test('ok/removed-while-connected, without a hint: out with the next look', async () => {
  const client = await connect(await enrolled('live-removed'))
  await run('delete from certificates where device_id = $1', ['live-removed'])
  await run('delete from devices where device_id = $1', ['live-removed'])
  await until('thrown off', () => !client.connected, 8)
})

test('ok/connected-by-a-certificate-that-was-replaced: out once its successor was used', async () => {
  const old = await enrolled('live-replaced')
  const client = await connect(old)
  await run(`update certificates set state = 'superseded' where device_id = $1`, ['live-replaced'])
  const next = clientUnder(authorities.issuing, 'live-replaced')
  await insertCertificate(database.db, 'live-replaced', shown(next))
  await run(`select pg_notify('device', $1)`, ['live-replaced'])
  await new Promise((resolve) => setTimeout(resolve, 500))
  assert.ok(client.connected, 'its overlap goes on')
  await run(`update certificates set used_at = now() where device_id = $1 and state = 'active'`, [
    'live-replaced',
  ])
  await run(`select pg_notify('device', $1)`, ['live-replaced'])
  await until('thrown off', () => !client.connected, 5)
  await assert.rejects(connect(old))
  assert.ok((await connect(next)).connected)
})
