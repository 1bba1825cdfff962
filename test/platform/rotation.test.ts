// Secrets of a running installation are replaced under load, as docs/rotation.md says: no call of an operator fails, no update of a device
// is lost. Logins at the database: postgres-credentials.test.ts.
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { copyFileSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectAsync } from 'mqtt'
import { issueCertificate, type Subject } from '../../infra/cli/ca.ts'
import { parseHopRoot, type HopRoot } from '../../infra/connector/hop-root.ts'
import { check } from '../chaos/check.ts'
import { startChaosFleet, type ChaosFleet } from '../chaos/fleet.ts'
import { untilHeld } from '../chaos/setting.ts'
import { startApart, type Apart } from '../support/apart.ts'
import { hasHaproxy } from '../support/haproxy.ts'
import { hasMosquitto } from '../support/mosquitto.ts'
import { needs } from '../support/needs.ts'
import {
  askEdge,
  shownCertificate,
  signedBy,
  startWriting,
  type Writing,
} from '../support/rotation-load.ts'
import { until } from '../support/until.ts'

const there = needs('haproxy, mosquitto', hasHaproxy && hasMosquitto)
const DEVICES = 40
const RATE = 60
/** After it every caller has read its root again. */
const REREAD_MS = 11_000
/** What the first certificates of connector and agent have left of their 90 days. */
const LEFT_MS = 25_000
const SERVICE_MS = 90 * 86_400_000
const ids = Array.from({ length: DEVICES }, (_, at) => `c${at}`)

/** To a write that says nothing, of whoever may write. */
const MALFORMED = 400

const NONE = {
  acceptedButNotStored: 0,
  committedButNotTold: 0,
  deltasThatWentBack: 0,
  effectTwice: 0,
  lastDeltaWrong: 0,
}

const issue = (folder: string, subject: Subject, prefix: string, now = new Date()) =>
  issueCertificate({ folder, passphrase: undefined }, subject, prefix, now)

/** Certificates that end while the test runs: a connection that lives goes on, a new one needs the new files. */
async function shortLived({ data, part }: Pick<Apart, 'data' | 'part'>): Promise<void> {
  const then = new Date(Date.now() - SERVICE_MS + LEFT_MS)
  const agent = { kind: 'service', name: 'broker-agent' } as const
  await issue(data, agent, part('broker', 'broker-agent'), then)
  const connector = { kind: 'service', name: 'connector' } as const
  await issue(data, connector, part('connector', 'connector'), then)
}

suite('secrets are replaced under load', there, () => {
  let apart: Apart
  let fleet: ChaosFleet
  let writing: Writing
  let loading: Promise<void>
  let token = ''
  let oldHop: HopRoot
  let oldService: { readonly cert: Buffer; readonly key: Buffer }
  let signedAnewAt = 0
  const stop = new AbortController()
  const stack = new AsyncDisposableStack()

  before(async () => {
    const functions = ['shadow-update', 'compute-delta', 'register', 'admin']
    apart = stack.use(await startApart({ deviceIds: ids, functions, prepared: shortLived }))
    oldHop = hopNow()
    oldService = serviceFiles()
    token = apart.token
    fleet = await startChaosFleet(apart.brokerUrl, DEVICES)
    stack.defer(() => fleet.close())
    loading = fleet.load(RATE, stop.signal)
    writing = startWriting(apart, ids, () => token)
    stack.defer(() => writing.stop())
    stack.defer(() => stop.abort())
  })
  after(() => stack.disposeAsync())

  const hopNow = () => parseHopRoot(readFileSync(apart.part('edge', 'hop-root')))
  const serviceFiles = () => ({
    cert: readFileSync(apart.part('connector', 'connector.pem')),
    key: readFileSync(apart.part('connector', 'connector.key')),
  })
  const setKids = async (kids: string) => {
    const { code, stderr } = await apart.secrets('--hop-kids', kids)
    assert.equal(code, 0, stderr)
  }
  const asService = (files: { readonly cert: Buffer; readonly key: Buffer }) =>
    connectAsync(`mqtts://localhost:${apart.servicePort}`, {
      ...{ ca: readFileSync(apart.part('connector', 'server-ca.pem')), ...files },
      ...{ clientId: 'looks', reconnectPeriod: 0, connectTimeout: 3000 },
    })

  test('hop keys: callees take both, then callers sign with the new one', async () => {
    assert.equal(await signedBy(apart, oldHop, token), MALFORMED)
    await setKids('k1,k2')
    assert.equal(hopNow().kid, 'k1')
    await sleep(1_500)
    await setKids('k2,k1')
    assert.equal(hopNow().kid, 'k2')
    signedAnewAt = performance.now()
    const map = () => apart.haproxy.admin(`show map ${apart.haproxy.folder}/hop-keys.map`)
    await until('the edge signs anew', async () => / k2:/.test(await map()))
  })

  test('an operator’s token: two at once, then the old one is revoked', async () => {
    const old = token
    const admin = readFileSync(path.join(apart.data, 'operator.token'), 'utf8').trim()
    const asked = { name: 'ops-2', scope: ['operate'] }
    const made = await askEdge(apart, admin, 'POST', '/api/v1/tokens', asked)
    assert.equal(made.status, 201, made.text)
    token = String(JSON.parse(made.text).secret)
    for (const each of [old, token])
      assert.equal((await askEdge(apart, each, 'GET', '/api/v1/devices/c0')).status, 200)
    await sleep(500)
    const ended = await askEdge(apart, admin, 'DELETE', '/api/v1/tokens/ops')
    assert.equal(ended.status, 200, ended.text)
    assert.equal((await askEdge(apart, old, 'GET', '/api/v1/devices/c0')).status, 401)
  })

  test('the certificate of the edge', async () => {
    const before1 = await shownCertificate(apart.haproxy.port)
    const prefix = path.join(apart.data, 'again')
    await issue(apart.data, { kind: 'server', names: ['localhost'] }, prefix)
    copyFileSync(`${prefix}.key`, apart.part('edge', 'server.key'))
    copyFileSync(`${prefix}.pem`, apart.part('edge', 'server.pem'))
    const shown = () => shownCertificate(apart.haproxy.port)
    await until('the new one is shown', async () => (await shown()) !== before1)
  })

  test('the certificate of the broker', async () => {
    const cert = new X509Certificate(readFileSync(apart.part('broker', 'server.pem')))
    const shown = () => shownCertificate(apart.devicePort)
    assert.notEqual(await shown(), cert.fingerprint256)
    process.kill(apart.brokerPid(), 'SIGHUP')
    await until('the new one is shown', async () => (await shown()) === cert.fingerprint256)
  })

  test('hop keys: once every caller signs with the new ones, the old ones are removed', async () => {
    await sleep(Math.max(0, signedAnewAt + REREAD_MS - performance.now()))
    await setKids('k2')
    assert.equal(apart.connectors.filter((each) => each.alive).length, 2)
  })

  test('certificates of the connector and the broker agent, past the end of the old ones', async () => {
    const { validToDate } = new X509Certificate(oldService.cert)
    await sleep(Math.max(0, validToDate.getTime() - Date.now() + 1_000))
    await assert.rejects(asService(oldService))
    await (await asService(serviceFiles())).endAsync()
    // Which lives on goes on with the old one; who is to leave it is started again, one after the other.
    const [first] = apart.connectors
    await apart.startConnector()
    await first?.kill('SIGTERM')
    await untilHeld(apart.db)
    await suspendedIsThrownOff()
  })

  /** The agent connects anew for it. */
  async function suspendedIsThrownOff(): Promise<void> {
    const options = { clientId: 'gone', reconnectPeriod: 0 }
    const client = await connectAsync(apart.brokerUrl, options)
    let closed = false
    client.once('close', () => {
      closed = true
    })
    const insert = `insert into devices (device_id, hardware_rev, firmware_ver, cert_serial, cert_expires, broker_endpoint, status)
                    values ('gone', 'A', '1', '', 'infinity', 'local', 'suspended')`
    await apart.db.unnamed('suspended', insert, [])
    await until('the agent throws it off', () => closed)
  }

  test('hop keys: what the old ones sign is refused, and who signs anew was never started again', async () => {
    const refused = async () => (await signedBy(apart, oldHop, token)) === 401
    // Each of the two replicas reads its own.
    await until('refused', async () => (await refused()) && (await refused()))
    assert.equal(await signedBy(apart, hopNow(), token), MALFORMED)
    assert.equal(apart.connectors[1]?.alive, true)
  })

  test('no call failed, and no update was lost', async (t) => {
    stop.abort()
    await Promise.all([loading, writing.stop()])
    await until('all answered', () => fleet.devices.every(({ pending }) => !pending), 40)
    const waiting = () => apart.db.unnamed('rest', 'select from outbox limit 1', [])
    await until('outbox empty', async () => (await waiting()).length === 0, 40)
    await sleep(300)
    const updates = fleet.devices.reduce((sum, { count }) => sum + count, 0)
    t.diagnostic(`${writing.calls} calls, ${writing.failed.length} failed; ${updates} updates`)
    assert.deepEqual(writing.failed, [])
    assert.deepEqual(await check(apart.db, fleet.devices), NONE)
    assert.ok(writing.calls > 200 && updates > 200)
  })
})
