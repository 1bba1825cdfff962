// Three brokers and two connectors that share them, under load, while one of each dies; devices that move between brokers.
import assert from 'node:assert/strict'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { check, type Violations } from '../chaos/check.ts'
import { startChaosFleet, type ChaosFleet } from '../chaos/fleet.ts'
import { brokerSetting, closedWithin } from '../support/broker-setting.ts'
import { cellAt, startCells, type CellSetting } from '../support/cells.ts'
import { connectorSetting, device, metricOf, testConnector } from '../support/connector.ts'
import { startDeviceBroker } from '../support/device-broker.ts'
import { allDone } from '../support/function-server.ts'
import { hasMosquitto } from '../support/mosquitto.ts'
import { needs } from '../support/needs.ts'
import { until } from '../support/until.ts'

const mosquitto = { ...needs('mosquitto', hasMosquitto), timeout: 120_000 }
const DEVICES = 60
const RATE = 100
const ids = Array.from({ length: DEVICES }, (_, at) => `c${at}`)
const NONE: Omit<Violations, 'committedButNotTold'> = {
  acceptedButNotStored: 0,
  deltasThatWentBack: 0,
  effectTwice: 0,
  lastDeltaWrong: 0,
}

/** Load for so long while something is disturbed; then rest, until every device has its answer. */
async function under(
  setting: CellSetting,
  fleet: ChaosFleet,
  seconds: number,
  disturb: () => Promise<void>,
): Promise<void> {
  const stop = new AbortController()
  const loading = fleet.load(RATE, stop.signal)
  const writing = write(setting, stop.signal)
  const end = Date.now() + seconds * 1000
  await disturb()
  await sleep(Math.max(0, end - Date.now()))
  stop.abort()
  await Promise.all([loading, writing])
  await until('all answered', () => fleet.devices.every(({ pending }) => !pending), 40)
  await until('outbox empty', () => empty(setting), 30)
  await sleep(300)
}

const empty = async ({ database }: CellSetting) =>
  (await database.db.unnamed('test', 'select from outbox limit 1', [])).length === 0

let written = 0

async function write(setting: CellSetting, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    written += 1
    const id = ids[written % DEVICES] ?? 'c0'
    await setting.desire(id, { state: { desired: { n: written } } })
    await sleep(100)
  }
}

/** The longest time in which none of these devices was answered, in seconds. */
function longestSilence(fleet: ChaosFleet, from: number, of: (at: number) => boolean): number {
  const devices = fleet.devices.filter((_device, at) => of(at))
  const times = [from, ...devices.flatMap((each) => each.acceptedAt.filter((at) => at > from))]
  const sorted = times.toSorted((one, other) => one - other)
  const gaps = sorted.map((at, index) => at - (sorted[index - 1] ?? at))
  return Math.max(...gaps) / 1000
}

async function verdict(
  t: { diagnostic(text: string): void },
  setting: CellSetting,
  fleet: ChaosFleet,
): Promise<Violations> {
  const found = await check(setting.database.db, fleet.devices)
  const updates = fleet.devices.reduce((sum, { count }) => sum + count, 0)
  const accepted = fleet.devices.reduce((sum, each) => sum + each.accepted.size, 0)
  t.diagnostic(
    `${updates} updates, ${accepted} accepted, ${written} writes; ${JSON.stringify(found)}`,
  )
  return found
}

async function holderOf({ slots }: CellSetting, cell: string): Promise<string> {
  const all = await slots()
  return all.find((slot) => slot.broker === cell && slot.class === 'shadow')?.holder ?? ''
}

test('ok/a-connector-and-a-broker-die-under-load-and-nothing-is-lost', mosquitto, async (t) => {
  await using setting = await startCells(ids)
  await setting.shared()
  const place = new Map(ids.map((id, at) => [id, cellAt(at) as string]))
  const fleet = await startChaosFleet((id) => setting.urlOf(place.get(id) ?? 'a'), DEVICES)
  let from = 0
  // A connector with messages in its hands.
  await under(setting, fleet, 8, async () => {
    await sleep(2000)
    const holder = setting.processOf(await holderOf(setting, 'a'))
    from = Date.now()
    assert.ok(holder)
    await holder.kill('SIGKILL')
  })
  const connector = longestSilence(fleet, from, (at) => cellAt(at) === 'a')
  t.diagnostic(`L6: a connector killed, longest silence of its cell's devices ${connector} s`)
  const first = await verdict(t, setting, fleet)
  assert.deepEqual(first, { ...NONE, committedButNotTold: 0 })
  await setting.shared()
  // A broker whose connector lags: it is stopped while messages come, then the broker is gone with what waited there.
  await under(setting, fleet, 10, async () => {
    await sleep(1000)
    const lagging = setting.processOf(await holderOf(setting, 'b'))
    assert.ok(lagging)
    process.kill(lagging.pid, 'SIGSTOP')
    await sleep(1000)
    await setting.cells.get('b')?.kill('SIGKILL')
    from = Date.now()
    process.kill(lagging.pid, 'SIGCONT')
    // Their name leads to a survivor, as an operator would have it.
    for (const [id, cell] of place) if (cell === 'b') place.set(id, 'c')
    await fleet.reconnect((id) => cellAt(Number(id.slice(1))) === 'b')
    await sleep(4000)
    await setting.cells.get('b')?.restart()
  })
  const broker = longestSilence(fleet, from, (at) => cellAt(at) === 'b')
  const others = longestSilence(fleet, from, (at) => cellAt(at) !== 'b')
  t.diagnostic(
    `L6: a broker killed, longest silence of its devices ${broker} s, of the others ${others} s`,
  )
  const { committedButNotTold, ...second } = await verdict(t, setting, fleet)
  t.diagnostic(`${committedButNotTold} answers were lost with the broker, and asked for again`)
  assert.deepEqual(second, NONE)
  await fleet.close()
  assert.ok(connector < 5 * 3 && broker < 5 * 3)
})

const presence = async ({ database }: CellSetting, id: string) =>
  (
    await database.db.unnamed<{ cell: string; connected: boolean }>(
      'test',
      'select cell, connected from device_presence where device_id = $1',
      [id],
    )
  )[0]

test('ok/a-device-moves-to-another-broker-and-back', mosquitto, async () => {
  await using setting = await startCells(['d0'])
  await setting.shared()
  const at = (cell: string) => {
    const broker = setting.cells.get(cell)
    assert.ok(broker)
    return broker
  }
  const seen = (cell: string) =>
    until(`seen on ${cell}`, async () => {
      const row = await presence(setting, 'd0')
      return row?.cell === cell && row.connected
    })
  const delta = 'devices/d0/shadow/delta'
  const first = await device(at('a'), 'd0', [delta])
  await seen('a')
  assert.ok(await setting.desire('d0', { state: { desired: { n: 1 } } }))
  await until('delta on a', () => first.messages.some(({ text }) => text.includes('"n":1')))
  await sleep(1100)
  // Full mode: what is open comes again where it subscribes, and the old connection's end changes nothing.
  const second = await device(at('b'), 'd0', [delta])
  await until('delta on b', () => second.messages.some(({ text }) => text.includes('"n":1')))
  await seen('b')
  first.client.stream.destroy()
  await sleep(1000)
  assert.deepEqual(await presence(setting, 'd0'), { cell: 'b', connected: true })
  assert.ok(await setting.desire('d0', { state: { desired: { n: 2 } } }))
  await until('next delta on b', () => second.messages.some(({ text }) => text.includes('"n":2')))
  await second.client.endAsync()
  await until('gone', async () => (await presence(setting, 'd0'))?.connected === false)
  await sleep(1100)
  const third = await device(at('a'), 'd0', [delta])
  await until('delta on a again', () => third.messages.some(({ text }) => text.includes('"n":2')))
  await third.client.endAsync()
})

test('ok/a-lightweight-device-never-finds-an-old-document', mosquitto, async () => {
  await using setting = await startCells(['d0'])
  await setting.shared()
  const desired = 'devices/d0/config/desired'
  const broker = (cell: string) => {
    const found = setting.cells.get(cell)
    assert.ok(found)
    return found
  }
  /** What a newcomer would get of the broker. */
  const retained = async (cell: string) => {
    await using eye = await device(broker(cell), `_eye-${cell}`, [desired])
    await sleep(150)
    return eye.messages.find(({ retain }) => retain)?.text
  }
  const becomes = (cell: string, text: string | undefined) =>
    until(`${cell} retains ${text ?? 'nothing'}`, async () => (await retained(cell)) === text)
  const desire = (n: number) => setting.desire('d0', { state: { desired: { n } } })
  const first = await device(broker('a'), 'd0', [desired])
  await until('lightweight', async () => (await presence(setting, 'd0'))?.cell === 'a')
  await until('written', () => desire(1))
  await becomes('a', '{"n":1}')
  await first.client.endAsync()
  await sleep(1100)
  const second = await device(broker('b'), 'd0', [desired])
  await becomes('b', '{"n":1}')
  await becomes('a', undefined)
  await second.client.endAsync()
  await until('gone', async () => (await presence(setting, 'd0'))?.connected === false)
  // Away: the document goes where it was last.
  await until('written', () => desire(2))
  await becomes('b', '{"n":2}')
  assert.equal(await retained('a'), undefined)
  await sleep(1100)
  const third = await device(broker('a'), 'd0', [desired])
  await becomes('a', '{"n":2}')
  await becomes('b', undefined)
  assert.ok(
    third.messages.every(({ text }) => text === '{"n":2}'),
    'never an old one',
  )
  await third.client.endAsync()
})

test('ok/revoked-on-every-cell-within-a-second', mosquitto, async (t) => {
  await using setting = await brokerSetting()
  const { cloned, functions, broker } = setting
  await using second = await startDeviceBroker(cloned, functions.hierarchy)
  await using third = await startDeviceBroker(cloned, functions.hierarchy)
  const one = await setting.enrolled('everywhere')
  const clients = await Promise.all(
    [broker, second, third].map((each) => setting.connect(one, { port: each.devicePort })),
  )
  // Past the agents' look at who arrived.
  await sleep(300)
  await setting.revoke('everywhere')
  const took = await Promise.all(clients.map((client) => closedWithin(client, 3000)))
  t.diagnostic(`off after ${took.map((ms) => Math.round(ms)).join(', ')} ms`)
  assert.ok(took.every((ms) => ms < 1000))
  for (const each of [broker, second, third])
    await assert.rejects(setting.connect(one, { port: each.devicePort }))
})

test('ok/a-queue-is-told-of-before-it-drops', mosquitto, async (t) => {
  const limit = 5000
  await using setting = await connectorSetting({ extra: [`max_queued_messages ${limit}`] })
  const { database, broker, functions } = setting
  const { promise: never, resolve: open } = Promise.withResolvers<void>()
  functions.behave(async ({ items }) => {
    await never
    return allDone(items)
  })
  await using running = await testConnector(setting, { limits: { queue_limit: limit } })
  await running.connector.held
  await using one = await device(broker, 'd1')
  const problem = async () =>
    (
      await database.db.unnamed<{ problem: string | null }>(
        'test',
        `select problem from health_marks where name = 'broker'`,
        [],
      )
    )[0]?.problem ?? undefined
  // 2,000 are in the connector's hands before any waits.
  const sent = 2000 + limit * 0.7
  for (let n = 0; n < sent; n++)
    one.client.publish('devices/d1/shadow/update', String(n), { qos: 1 })
  const said = await until('told', problem)
  const dropped = await metricOf(running.registry, 'muster_broker_value', {
    name: 'publish_dropped',
  })
  const stored = await metricOf(running.registry, 'muster_broker_value', {
    name: 'store_messages',
  })
  t.diagnostic(`${said}; ${stored} stored of ${sent} sent, ${dropped} dropped`)
  assert.match(said, /^warning: \d+ messages wait in the broker, above 5000 /)
  assert.equal(dropped, 0)
  open()
})
