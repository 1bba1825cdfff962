// Two connectors and one slot: standby, takeover, fence, an orderly end.
import assert from 'node:assert/strict'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  connectorSetting,
  device,
  echo,
  testConnector,
  type Setting,
} from '../support/connector.ts'
import { allDone } from '../support/function-server.ts'
import { hasMosquitto } from '../support/mosquitto.ts'
import { needs } from '../support/needs.ts'
import { freePorts } from '../support/ports.ts'
import { startProcess, type Running } from '../support/processes.ts'
import { until } from '../support/until.ts'

const mosquitto = needs('mosquitto', hasMosquitto)

async function connectorProcess({ database, broker, functions }: Setting): Promise<Running> {
  const [port = 0] = await freePorts(1)
  return startProcess('infra/connector/main.ts', {
    DATABASE_URL: database.url,
    MQTT_URL: broker.url,
    GATEWAY_URL: functions.url,
    HOP_ROOT: functions.hop.root.toString('base64'),
    METRICS_PORT: String(port),
    LOG_LEVEL: 'info',
  })
}

const heldBy = (running: Running) =>
  running.lines.filter((line) => line.includes('"slot held"')).length

// The process reads the stack file of the product: it calls for presence and ticks, too.
const updates = ({ functions }: Setting) =>
  functions.calls.filter(({ functionName }) => functionName === 'shadow-update')

const holders = ({ database }: Setting) =>
  database.db.unnamed<{ class: string; holder: string; epoch: bigint; live: boolean }>(
    'test',
    'select class, holder, epoch, lease_until > now() as live from connector_slots order by slot',
    [],
  )

test('ok/holder-is-killed-and-standby-goes-on-where-it-stopped', mosquitto, async () => {
  await using setting = await connectorSetting()
  const { broker, functions } = setting
  const { promise: gate, resolve: open } = Promise.withResolvers<void>()
  let held = true
  functions.behave(async ({ functionName, items }) => {
    if (functionName !== 'shadow-update') return allDone(items)
    if (held) await gate
    return allDone(items, { frames: echo(items) })
  })
  await using first = await connectorProcess(setting)
  await until('held', () => heldBy(first) === 4)
  await using standby = await testConnector(setting)
  await using one = await device(broker, 'd1', ['devices/d1/shadow/update/accepted'])
  for (let n = 0; n < 5; n++)
    await one.client.publishAsync('devices/d1/shadow/update', String(n), { qos: 1 })
  await until('called', () => updates(setting).length > 0)
  const before = await holders(setting)
  await first.kill('SIGKILL')
  const killed = performance.now()
  held = false
  await standby.connector.held
  const seconds = (performance.now() - killed) / 1000
  await until('all answered', () => one.messages.length >= 5)
  open()
  await sleep(200)
  assert.ok(seconds < 1.5, `taken over after ${seconds} s, without the will it would be 2`)
  assert.deepEqual(
    one.messages.map(({ text }) => text),
    ['0', '1', '2', '3', '4'],
  )
  const again = updates(setting).at(-1)?.items ?? []
  assert.ok(
    again.every((item) => item.dup),
    'redelivered messages are marked',
  )
  const after = await holders(setting)
  assert.ok(after.every((slot, at) => slot.epoch > (before[at]?.epoch ?? 0n)))
  const firstPackets = updates(setting)[0]?.items.map((item) => item.packet)
  const laterPackets = updates(setting)
    .slice(1)
    .flatMap(({ items }) => items.map((item) => item.packet))
  assert.equal(laterPackets[0], firstPackets?.[0], 'packet ids are kept')
})

test('ok/orderly-end-answers-what-is-under-way-and-frees-the-slots', mosquitto, async () => {
  await using setting = await connectorSetting()
  const { broker, functions } = setting
  functions.behave(async ({ functionName, items }) => {
    if (functionName !== 'shadow-update') return allDone(items)
    await sleep(400)
    return allDone(items, { frames: echo(items) })
  })
  await using first = await connectorProcess(setting)
  await until('held', () => heldBy(first) === 4)
  await using one = await device(broker, 'd1', ['devices/d1/shadow/update/accepted'])
  await one.client.publishAsync('devices/d1/shadow/update', 'x', { qos: 1 })
  await until('called', () => updates(setting).length === 1)
  const code = await first.kill('SIGTERM')
  assert.equal(code, 0)
  await until('answered', () => one.messages.length === 1)
  assert.ok((await holders(setting)).every(({ live }) => !live))
  await using next = await testConnector(setting)
  await next.connector.held
  await sleep(500)
  assert.equal(updates(setting).length, 1, 'nothing is called twice')
})

test(
  'fail/holder-whose-lease-was-taken-is-thrown-off-and-its-answers-vanish',
  mosquitto,
  async () => {
    await using setting = await connectorSetting()
    const { broker, database, functions } = setting
    const { promise: gate, resolve: open } = Promise.withResolvers<void>()
    let calls = 0
    functions.behave(async ({ items }) => {
      calls += 1
      const mine = calls
      if (mine === 1) await gate
      return allDone(items, {
        frames: items.map(({ index }) => ({
          item: index,
          qos: 1,
          retain: false,
          topic: 'devices/d1/shadow/update/accepted',
          payload: `call ${mine}`,
        })),
      })
    })
    await using first = await testConnector(setting)
    await first.connector.held
    await using one = await device(broker, 'd1', ['devices/d1/shadow/update/accepted'])
    await one.client.publishAsync('devices/d1/shadow/update', 'x', { qos: 1 })
    await until('called', () => calls === 1)
    // As if the holder had been away for a while: another takes the lease, then the session.
    await database.db.unnamed(
      'test',
      `update connector_slots set lease_until = '-infinity', holder = 'nobody'`,
      [],
    )
    await using second = await testConnector(setting)
    await until('answered by the next', () => one.messages.length === 1)
    open()
    await sleep(300)
    assert.deepEqual(
      one.messages.map(({ text }) => text),
      ['call 2'],
    )
    void second
  },
)

test('ok/connectors-do-not-fight', mosquitto, async () => {
  await using setting = await connectorSetting()
  await using first = await testConnector(setting)
  await using second = await testConnector(setting)
  await until('all held', async () => (await holders(setting)).every(({ live }) => live))
  await sleep(300)
  const before = await holders(setting)
  await sleep(3000)
  assert.deepEqual(await holders(setting), before)
  void [first, second]
})

test('fail/broker-restarts-and-the-session-goes-on', mosquitto, async () => {
  await using setting = await connectorSetting({ autosaveSeconds: 1 })
  const { broker, functions } = setting
  functions.behave(({ items }) => allDone(items, { frames: echo(items) }))
  await using running = await testConnector(setting)
  await running.connector.held
  await broker.restart()
  await using one = await device(broker, 'd1', ['devices/d1/shadow/update/accepted'])
  await until('answered', async () => {
    await one.client.publishAsync('devices/d1/shadow/update', 'x', { qos: 1 })
    return one.messages.length > 0
  })
})

test('fail/database-away-loses-nothing', mosquitto, async () => {
  await using setting = await connectorSetting()
  const { broker, database, functions } = setting
  functions.behave(({ items }) => allDone(items, { frames: echo(items) }))
  await using running = await testConnector(setting)
  await running.connector.held
  await database.db.unnamed(
    'test',
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
    [],
  )
  await using one = await device(broker, 'd1', ['devices/d1/shadow/update/accepted'])
  await one.client.publishAsync('devices/d1/shadow/update', 'x', { qos: 1 })
  await until('answered', () => one.messages.length === 1)
  await sleep(1000)
  assert.ok((await holders(setting)).every(({ live }) => live))
})
