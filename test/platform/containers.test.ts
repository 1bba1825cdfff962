// The images as containers, under Debian's containerd and runc: what they are built of, how they run, and a device's way through them.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect as connectSocket } from 'node:net'
import { after, before, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { MqttClient } from 'mqtt'
import { buildImages } from '../../infra/image/build.ts'
import { hashBody } from '../../shared/hop/canonical.ts'
import { deriveHopKey } from '../../shared/hop/keys.ts'
import { signHop } from '../../shared/hop/sign.ts'
import {
  ContainedInstallation,
  DEVICE_PORT,
  FUNCTIONS,
  GATEWAY_PORT,
} from '../support/containers/installation.ts'
import { ContainerMachine, hasContainers } from '../support/containers/machine.ts'
import { deviceKey } from '../support/csr.ts'
import { allow, insertBootstrapToken } from '../support/identity.ts'
import { needs } from '../support/needs.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const DEVICE = 'c-1'
const stack = new AsyncDisposableStack()
const there = needs('containerd', hasContainers)
let database: TestDatabase
let machine: ContainerMachine
let muster: ContainedInstallation

before(async () => {
  if (!hasContainers) return
  database = stack.use(await cloneDatabase())
  machine = stack.use(await ContainerMachine.start())
  muster = new ContainedInstallation(machine, database)
  await muster.prepare()
})
after(() => stack.disposeAsync())

/** A call as the edge makes it, by the gateway. */
async function throughEdge(callee: string, target: string, body: object) {
  const root = Buffer.from(readFileSync(`${muster.part('edge')}/hop-root`, 'latin1'), 'base64')
  const content = Buffer.from(JSON.stringify(body))
  const contentType = 'application/json'
  const proof = signHop({
    key: { kid: 'k1', key: deriveHopKey(root, 'edge', callee) },
    caller: 'edge',
    callee,
    now: new Date(),
    method: 'POST',
    target,
    contentType,
    verdict: 'none',
    source: '127.0.0.1',
    body: hashBody(content),
  })
  const headers = { ...proof, 'content-type': contentType }
  const options = { method: 'POST', headers, body: content }
  return machine.fetch(GATEWAY_PORT, `/function/${callee}`, options)
}

/** Enrols the device by a one-time token; connected to the broker by what it got. */
async function enrolled(): Promise<MqttClient> {
  await allow(database.db, DEVICE)
  const token = await insertBootstrapToken(database.db)
  const key = deviceKey()
  const request = { device_id: DEVICE, csr: key.csr(`/CN=${DEVICE}`), token: token.text }
  const answer = await throughEdge('enroll', '/api/v1/enroll', request)
  assert.equal(answer.status, 200, answer.body)
  const { certificate, chain }: { certificate: string; chain: string } = JSON.parse(answer.body)
  const ca = readFileSync(`${muster.part('broker')}/server-ca.pem`)
  const stream = () =>
    connectTls({
      socket: connectSocket(machine.socket(DEVICE_PORT)),
      servername: 'localhost',
      ca,
      cert: certificate + chain,
      key: key.key,
    })
  return new MqttClient(stream, { clientId: DEVICE, reconnectPeriod: 0, clean: true })
}

/** What arrives at a topic: the next message, as JSON. */
function next(client: MqttClient, topic: string): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`nothing at ${topic}`)), 30_000)
    const take = (at: string, payload: Buffer) => {
      if (at !== topic) return
      clearTimeout(timer)
      client.off('message', take)
      resolve(JSON.parse(payload.toString()))
    }
    client.on('message', take)
  })
}

test('ok/the same input gives the same images', there, async () => {
  const digests = async () =>
    (await buildImages(['pki', 'broker'])).map(({ image }) => image.manifest.digest)
  assert.deepEqual(await digests(), await digests())
})

test(
  'ok/each function gets ready behind its watchdog, each in its own memory',
  there,
  async (t) => {
    for (const name of FUNCTIONS) {
      const ms = await muster.startFunction(name)
      t.diagnostic(`${name}: start to ready ${Math.round(ms)} ms`)
    }
  },
)

test('ok/an ordinary user, no capability, a root that nothing writes to', there, async () => {
  const status = readFileSync(`/proc/${await machine.pid('enroll')}/status`, 'utf8')
  assert.match(status, /^Uid:\t1000\t1000\t1000\t1000$/m)
  assert.match(status, /^CapEff:\t0{16}$/m)
  assert.match(status, /^NoNewPrivs:\t1$/m)
  const write = `require('fs').writeFileSync(process.argv[1], 'x')`
  const tried = (file: string) =>
    machine.ctr('tasks', 'exec', '--exec-id', 'w', 'enroll', '/usr/bin/node', '-e', write, file)
  for (const file of ['/opt/muster/x', '/var/openfaas/secrets/hop-keys', '/etc/passwd']) {
    const { code, stderr } = await tried(file)
    assert.notEqual(code, 0, file)
    assert.match(stderr, /EROFS|EACCES/)
  }
  assert.equal((await tried('/tmp/x')).code, 0)
})

test(
  'ok/a device enrols and its reported state comes through broker, connector, gateway and function',
  there,
  async () => {
    await muster.startDelivery()
    const client = await enrolled()
    try {
      await until('the device is connected', () => client.connected)
      await client.subscribeAsync(`devices/${DEVICE}/shadow/#`, { qos: 1 })
      const accepted = next(client, `devices/${DEVICE}/shadow/update/accepted`)
      const update = { state: { reported: { temperature: 21 } } }
      await client.publishAsync(`devices/${DEVICE}/shadow/update`, JSON.stringify(update), {
        qos: 1,
      })
      assert.equal((await accepted)['version'], 1)
      const [row] = await database.db.unnamed<{ reported: string }>(
        'shadow',
        'select reported from shadows where device_id = $1',
        [DEVICE],
      )
      assert.deepEqual(JSON.parse(row?.reported ?? ''), update.state.reported)
    } finally {
      await client.endAsync(true)
    }
  },
)

test('ok/killed by its memory limit, a function is started again and serves', there, async () => {
  const first = await machine.pid('shadow-update')
  const children = readFileSync(`/proc/${first}/task/${first}/children`, 'utf8')
  const [served = ''] = children.trim().split(' ')
  // The kernel takes the function, not what eats its memory beside it.
  writeFileSync(`/proc/${served}/oom_score_adj`, '1000')
  const eat = 'const all = []; for (;;) all.push(Buffer.alloc(4e6, 1))'
  const { code } = await machine.ctr(
    ...['tasks', 'exec', '--exec-id', 'eat', 'shadow-update', '/usr/bin/node', '-e', eat],
  )
  assert.notEqual(code, 0)
  const second = await until(
    'another process',
    async () => {
      const pid = await machine.pid('shadow-update')
      return pid !== 0 && pid !== first && pid
    },
    30,
  )
  assert.notEqual(second, first)
  await until('it is ready again', () => muster.isReady('shadow-update'), 30)
  assert.match(machine.log('shadow-update'), /the function ended with SIGKILL/)
})

test('fail/without its secrets a function says what is missing and ends', there, async () => {
  const ran = await machine.ctr(
    'run',
    '--rm',
    '--read-only',
    'docker.io/muster/pki:0.1.0',
    'bare',
    '/usr/bin/node',
    'index.mjs',
  )
  assert.equal(ran.code, 2)
  assert.equal(ran.stderr, 'pki: HOP_KEYS is missing\n')
})
