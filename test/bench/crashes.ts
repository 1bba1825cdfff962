// S6: what is lost while function, connector, PostgreSQL and broker die under load, most of them between commit, answer, publication
// and PUBACK. That the same without outbox loses some is a test of its own (test/chaos/delivery.test.ts).
import { setTimeout as sleep } from 'node:timers/promises'
import { check } from '../chaos/check.ts'
import { startChaosFleet, type ChaosFleet } from '../chaos/fleet.ts'
import { startChaos, untilHeld, type ChaosSetting } from '../chaos/setting.ts'
import { until } from '../support/until.ts'
import type { Goal } from './report.ts'
import { benchSetting, say } from './settings.ts'

const CRASHES = 50
const UPDATES_PER_CRASH = 200
const RATE = 300
const PHASE_MS = 5000
const CALM_MS = 5000
const MINUTES = 20
const DEVICES = Array.from({ length: 200 }, (_, at) => `c${at}`)

const QUIET = { CRASH_AFTER_COMMIT: '0', CRASH_AFTER_RENDER: '0' }
const DEADLY_FUNCTIONS = { CRASH_AFTER_COMMIT: '0.05', CRASH_AFTER_RENDER: '0.05' }
const DEADLY_CONNECTOR = {
  CRASH_BEFORE_PUBLISH: '0.002',
  CRASH_AFTER_PUBLISH: '0.002',
  CRASH_BEFORE_PUBACK: '0.004',
  CRASH_AFTER_PUBACK: '0.004',
}

interface Run {
  readonly setting: ChaosSetting
  readonly fleet: ChaosFleet
  /** Deaths by `kill -9` from outside; those within are counted by their processes. */
  killed: number
}

const updatesOf = ({ fleet }: Run): number =>
  fleet.devices.reduce((sum, { count }) => sum + count, 0)

function crashesOf({ setting, killed }: Run): number {
  const parts = [setting.functions, ...setting.connectors]
  let sum = killed
  for (const { crashes } of parts) for (const each of crashes.values()) sum += each
  return sum
}

/** One turn of deaths within the functions, within the connectors, and from outside. */
async function turn(run: Run): Promise<void> {
  const { functions, connectors } = run.setting
  const restart = (env: Readonly<Record<string, string>>) =>
    Promise.all(connectors.map((each) => each.restart(env)))
  await functions.restart(DEADLY_FUNCTIONS)
  await sleep(PHASE_MS)
  await functions.restart(QUIET)
  await restart(DEADLY_CONNECTOR)
  await sleep(PHASE_MS)
  await restart(QUIET)
  const [first] = connectors
  const kills = [
    () => functions.kill(),
    async () => first?.kill(),
    () => run.setting.crashPostgres(),
  ]
  for (const kill of kills) {
    await sleep(1000)
    await kill()
    run.killed += 1
  }
}

async function write({ setting }: Run, signal: AbortSignal): Promise<void> {
  for (let n = 1; !signal.aborted; n++) {
    await setting.desire(DEVICES[Math.floor(Math.random() * DEVICES.length)] ?? 'c0', n)
    await sleep(100)
  }
}

/** Devices report and operators write while `work` runs. */
async function underLoad(run: Run, work: () => Promise<void>): Promise<void> {
  const stop = new AbortController()
  const load = Promise.all([run.fleet.load(RATE, stop.signal), write(run, stop.signal)])
  try {
    await work()
  } finally {
    stop.abort()
    await load
  }
}

/** Turns of deaths, with calm between them for the load to get on, until there are enough crashes and updates. */
async function dieUntil(run: Run, crashes: number): Promise<void> {
  const end = Date.now() + MINUTES * 60_000
  while (crashesOf(run) < crashes || updatesOf(run) < crashes * UPDATES_PER_CRASH) {
    if (Date.now() > end) throw new Error(`${crashes} crashes were not had in ${MINUTES} minutes`)
    if (crashesOf(run) < crashes) await turn(run)
    await untilHeld(run.setting.db)
    await sleep(CALM_MS)
    say(`${crashesOf(run)} crashes, ${updatesOf(run)} updates`)
  }
}

/** Waits until every update is answered and every change is told; what the broker forgot, devices say again. */
async function settle({ setting, fleet }: Run, again: () => Promise<void>): Promise<void> {
  await untilHeld(setting.db)
  const answered = async () => {
    if (fleet.devices.every(({ pending }) => pending === undefined)) return true
    await again()
    return false
  }
  await until('all answered', answered, 90)
  const outbox = () => setting.db.unnamed('chaos', 'select from outbox limit 1', [])
  await until('all told', async () => (await outbox()).length === 0, 60)
  await sleep(500)
}

async function killBroker(run: Run): Promise<void> {
  const { setting, fleet } = run
  for (const empty of [false, true]) {
    await sleep(2000)
    await setting.broker.restart({ empty })
    run.killed += 1
    await fleet.reconnect()
    await untilHeld(setting.db)
  }
}

/** Broker last: what it forgets of its own is asked for again, so only what was accepted counts then. */
async function lose(run: Run, crashes: number) {
  const { setting, fleet } = run
  await underLoad(run, () => dieUntil(run, crashes))
  await settle(run, () => sleep(500))
  const before = await check(setting.db, fleet.devices)
  await underLoad(run, () => killBroker(run))
  await settle(run, async () => {
    await sleep(2000)
    await fleet.reconnect()
  })
  const after = await check(setting.db, fleet.devices)
  return { ...after, committedButNotTold: before.committedButNotTold }
}

export async function survival(): Promise<Goal> {
  await using setting = await startChaos(DEVICES, 2)
  const fleet = await startChaosFleet(setting.broker.url, DEVICES.length)
  const run: Run = { setting, fleet, killed: 0 }
  try {
    const found = await lose(run, benchSetting('CRASHES', CRASHES))
    return {
      goal: 'S6',
      what: `lost of ${updatesOf(run)} updates over ${crashesOf(run)} crashes`,
      value: found.acceptedButNotStored + found.committedButNotTold,
      floor: 0,
      target: 0,
      unit: 'lost',
      better: 'lower',
      notes: Object.entries(found)
        .map(([name, count]) => `${name} ${count}`)
        .join(', '),
    }
  } finally {
    await fleet.close()
  }
}
