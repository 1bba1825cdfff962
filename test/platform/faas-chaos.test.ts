// 200 devices and an operator at load over Mosquitto, connectors and functions behind the stand-ins for gateway and watchdog, while
// replicas come, go and die: what was promised is counted afterwards.
import assert from 'node:assert/strict'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { check } from '../chaos/check.ts'
import { startChaosFleet, type ChaosFleet } from '../chaos/fleet.ts'
import { hasMosquitto } from '../support/mosquitto.ts'
import { needs } from '../support/needs.ts'
import { until } from '../support/until.ts'
import { SHADOW_FUNCTIONS, startFaas, type FaasSetting } from './faas/setting.ts'
import { Silence } from './faas/silence.ts'

const mosquitto = { ...needs('mosquitto', hasMosquitto), timeout: 150_000 }
const DEVICES = 200
const RATE = 100
const ids = Array.from({ length: DEVICES }, (_, at) => `c${at}`)
const NONE = {
  acceptedButNotStored: 0,
  committedButNotTold: 0,
  deltasThatWentBack: 0,
  effectTwice: 0,
  lastDeltaWrong: 0,
}

interface Written {
  count: number
  failed: number
}

/** Load while something is disturbed; writes of the operator and what came of them, and the longest time without an answer. */
async function under(setting: FaasSetting, fleet: ChaosFleet, disturb: () => Promise<void>) {
  const stop = new AbortController()
  const silence = new Silence(fleet)
  const loading = fleet.load(RATE, stop.signal)
  const written = { count: 0, failed: 0 }
  const writing = write(setting, written, stop.signal)
  await sleep(500)
  silence.start()
  await disturb()
  const longest = silence.end()
  stop.abort()
  await Promise.all([loading, writing])
  return { ...written, longest }
}

let n = 0

async function write(setting: FaasSetting, written: Written, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    n += 1
    const taken = await setting.desire(ids[n % DEVICES] ?? 'c0', n)
    written.count += 1
    if (!taken) written.failed += 1
    await sleep(50)
  }
}

async function settle({ db }: FaasSetting, fleet: ChaosFleet): Promise<void> {
  await until('all answered', () => fleet.devices.every(({ pending }) => !pending), 40)
  const rows = () => db.unnamed('chaos', 'select from outbox limit 1', [])
  await until('outbox empty', async () => (await rows()).length === 0, 40)
  await sleep(300)
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`

test('ok/nothing-is-lost-while-replicas-restart-scale-and-die', mosquitto, async (t) => {
  await using setting = await startFaas(ids)
  const { functions, db, broker } = setting
  const fleet = await startChaosFleet(broker.url, DEVICES)

  await t.test('rolling restarts and scaling: no call fails', async () => {
    const { longest, ...written } = await under(setting, fleet, async () => {
      for (const each of functions.list()) functions.update(each)
      await functions.settled()
      for (const replicas of [4, 1, 2]) {
        functions.scale('shadow-update', replicas)
        functions.scale('compute-delta', replicas)
        await functions.settled()
      }
    })
    t.diagnostic(
      `restart and scale: ${JSON.stringify(written)}, longest silence ${seconds(longest)}`,
    )
    assert.ok(written.count > 20)
    assert.equal(written.failed, 0, 'writes of the operator')
  })

  await t.test('a replica killed each second', async () => {
    const { longest, ...written } = await under(setting, fleet, async () => {
      for (let round = 0; round < 9; round++) {
        const name = SHADOW_FUNCTIONS[round % SHADOW_FUNCTIONS.length] ?? 'shadow-update'
        const replicas = functions.replicasOf(name)
        await replicas[round % replicas.length]?.kill()
        await sleep(1000)
      }
    })
    const deaths = SHADOW_FUNCTIONS.flatMap((name) => functions.replicasOf(name))
    const died = deaths.reduce((sum, replica) => sum + replica.deaths, 0)
    t.diagnostic(`${died} killed: ${JSON.stringify(written)}, longest silence ${seconds(longest)}`)
    assert.equal(died, 9)
    assert.ok(longest < 15_000)
  })

  await settle(setting, fleet)
  const found = await check(db, fleet.devices)
  const updates = fleet.devices.reduce((sum, { count }) => sum + count, 0)
  t.diagnostic(`${updates} updates; ${JSON.stringify(found)}`)
  await fleet.close()
  assert.deepEqual(found, NONE)
  assert.ok(updates > 500)
})
