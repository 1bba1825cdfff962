// 200 devices at load over Mosquitto, while everything dies: what was promised is counted afterwards.
import assert from 'node:assert/strict'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { hasMosquitto } from '../support/mosquitto.ts'
import { needs } from '../support/needs.ts'
import { until } from '../support/until.ts'
import { check, type Violations } from './check.ts'
import { startChaosFleet, type ChaosFleet } from './fleet.ts'
import { startChaos, untilHeld, type ChaosSetting } from './setting.ts'

const mosquitto = { ...needs('mosquitto', hasMosquitto), timeout: 240_000 }
const DEVICES = 200
const RATE = 100
const ids = Array.from({ length: DEVICES }, (_, at) => `c${at}`)

const NONE: Violations = {
  acceptedButNotStored: 0,
  committedButNotTold: 0,
  deltasThatWentBack: 0,
  effectTwice: 0,
  lastDeltaWrong: 0,
}

/** Load from devices and operators while something is disturbed, then rest until all is answered and told. */
async function under(
  setting: ChaosSetting,
  fleet: ChaosFleet,
  seconds: number,
  disturb: () => Promise<void>,
  calm: () => Promise<void> = async () => undefined,
): Promise<void> {
  const stop = new AbortController()
  const loading = fleet.load(RATE, stop.signal)
  const writing = write(setting, stop.signal)
  const end = Date.now() + seconds * 1000
  await disturb()
  await sleep(Math.max(0, end - Date.now()))
  stop.abort()
  await Promise.all([loading, writing])
  await calm()
}

let written = 0

function begin(connectors: number): Promise<ChaosSetting> {
  written = 0
  return startChaos(ids, connectors)
}

async function write(setting: ChaosSetting, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    written += 1
    await setting.desire(ids[Math.floor(Math.random() * DEVICES)] ?? 'c0', written)
    await sleep(100)
  }
}

const quiet = { CRASH_AFTER_COMMIT: '0' }

async function settle(
  { db, functions, connectors }: ChaosSetting,
  fleet: ChaosFleet,
): Promise<void> {
  await functions.restart(quiet)
  for (const connector of connectors) await connector.restart(quiet)
  await untilHeld(db)
  await until('all answered', () => fleet.devices.every(({ pending }) => pending === undefined), 60)
  await outboxEmpty(db)
  await sleep(300)
}

const outboxEmpty = (db: ChaosSetting['db']) =>
  until(
    'outbox empty',
    async () => (await db.unnamed('chaos', 'select from outbox limit 1', [])).length === 0,
    40,
  )

async function report(
  t: { diagnostic(text: string): void },
  setting: ChaosSetting,
  fleet: ChaosFleet,
): Promise<Violations> {
  const found = await check(setting.db, fleet.devices)
  const updates = fleet.devices.reduce((sum, { count }) => sum + count, 0)
  const deltas = fleet.devices.reduce((sum, each) => sum + each.deltas.length, 0)
  const crashes: Record<string, number> = {}
  for (const part of [setting.functions, ...setting.connectors]) {
    for (const [point, count] of part.crashes) crashes[point] = (crashes[point] ?? 0) + count
  }
  const deaths =
    setting.functions.deaths + setting.connectors.reduce((sum, each) => sum + each.deaths, 0)
  t.diagnostic(
    `${updates} updates, ${written} writes, ${deltas} deltas, ${deaths} deaths, of them ${JSON.stringify(crashes)}; ${JSON.stringify(found)}`,
  )
  return found
}

test('ok/promises-hold-while-functions-connectors-and-the-database-die', mosquitto, async (t) => {
  await using setting = await begin(2)
  const { db, functions, connectors } = setting
  const fleet = await startChaosFleet(setting.broker.url, DEVICES)
  const [first, second] = connectors
  await under(setting, fleet, 15, () =>
    functions.restart({ CRASH_AFTER_COMMIT: '0.05', CRASH_AFTER_RENDER: '0.05' }),
  )
  await functions.restart(quiet)
  const deadly = {
    CRASH_BEFORE_PUBLISH: '0.002',
    CRASH_AFTER_PUBLISH: '0.002',
    CRASH_BEFORE_PUBACK: '0.004',
    CRASH_AFTER_PUBACK: '0.004',
  }
  await under(setting, fleet, 25, async () => {
    for (const connector of connectors) await connector.restart(deadly)
  })
  for (const connector of connectors) await connector.restart(quiet)
  await untilHeld(db)
  await under(setting, fleet, 12, async () => {
    for (const part of [functions, first, second]) {
      await sleep(1500)
      await part?.kill()
    }
    await sleep(2000)
    await setting.crashPostgres()
  })
  // Two connectors that fight for a slot: leases taken from under their holders.
  await under(setting, fleet, 8, async () => {
    for (let n = 0; n < 10; n++) {
      await db
        .unnamed('chaos', `update connector_slots set lease_until = now(), holder = 'nobody'`, [])
        .catch(() => [])
      await sleep(600)
    }
  })
  await settle(setting, fleet)
  const found = await report(t, setting, fleet)
  await fleet.close()
  assert.deepEqual(found, NONE)
  assert.ok(functions.deaths + connectors.reduce((sum, each) => sum + each.deaths, 0) >= 12)
})

test('ok/nothing-acknowledged-is-lost-with-the-broker', mosquitto, async (t) => {
  await using setting = await begin(1)
  const { broker, db } = setting
  const fleet = await startChaosFleet(broker.url, DEVICES)
  const again = async () => {
    await fleet.reconnect()
    await untilHeld(db)
  }
  await under(setting, fleet, 8, async () => {
    await sleep(3000)
    await broker.restart()
    await again()
  })
  await under(setting, fleet, 8, async () => {
    await sleep(3000)
    await broker.restart({ empty: true })
    await again()
  })
  const snapshot = await broker.snapshot()
  await under(setting, fleet, 8, async () => {
    await sleep(3000)
    await broker.restart({ snapshot })
    await again()
  })
  // What devices said and the broker lost before it was answered, they say again.
  await until(
    'all answered',
    async () => {
      if (fleet.devices.every(({ pending }) => pending === undefined)) return true
      await sleep(2000)
      await fleet.reconnect()
      return false
    },
    60,
  )
  await outboxEmpty(db)
  const { committedButNotTold, ...found } = await report(t, setting, fleet)
  await fleet.close()
  const { committedButNotTold: _told, ...none } = NONE
  // A broker that is killed forgets what it was told: those devices asked again, and were answered again.
  t.diagnostic(`${committedButNotTold} answers were lost with the broker`)
  assert.deepEqual(found, none)
})

test('fail/without-the-outbox-changes-are-committed-and-never-told', mosquitto, async (t) => {
  await using setting = await begin(1)
  const { db, functions } = setting
  await db.unnamed(
    'chaos',
    `create function no_outbox() returns trigger language plpgsql as $$ begin return null; end $$`,
    [],
  )
  await db.unnamed(
    'chaos',
    `create trigger no_outbox before insert on outbox for each row execute function no_outbox()`,
    [],
  )
  const fleet = await startChaosFleet(setting.broker.url, DEVICES)
  await under(setting, fleet, 12, () => functions.restart({ CRASH_AFTER_COMMIT: '0.2' }))
  await functions.restart(quiet)
  await sleep(4000)
  const found = await report(t, setting, fleet)
  await fleet.close()
  assert.ok(functions.crashes.size > 0, 'it died after a commit')
  assert.ok(found.committedButNotTold > 0)
  assert.ok(
    fleet.devices.some(({ pending }) => pending !== undefined),
    'some devices wait in vain',
  )
})
