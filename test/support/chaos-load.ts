// The chaos suite's devices at load while one thing is done to the database, and how long they then heard nothing.
import { setTimeout as sleep } from 'node:timers/promises'
import { check, type Violations } from '../chaos/check.ts'
import { startChaosFleet, type ChaosFleet } from '../chaos/fleet.ts'
import { startChaos, type ChaosDatabase, type ChaosSetting } from '../chaos/setting.ts'
import type { Database } from '../../shared/db/database.ts'
import { until } from './until.ts'

const DEVICES = 100
const RATE = 100
const BEFORE_MS = 2_500
const AFTER_MS = 3_000
const SILENCE_SECONDS = 30

export interface Disturbed {
  readonly violations: Violations
  /** Updates that devices were told are accepted. */
  readonly accepted: number
  /** Seconds from the deed until a device was told of an accepted update again. */
  readonly silence: number
}

const acceptedBy = (fleet: ChaosFleet): number =>
  fleet.devices.reduce((sum, { accepted }) => sum + accepted.size, 0)

const outboxEmpty = async (db: Database): Promise<boolean> =>
  (await db.unnamed('chaos', 'select from outbox limit 1', [])).length === 0

/** Load before, during and after the deed (which answers when it began), then rest until all is answered and told. */
export async function disturb(
  open: () => Promise<ChaosDatabase>,
  deed: (db: Database) => Promise<number>,
): Promise<Disturbed> {
  const ids = Array.from({ length: DEVICES }, (_, at) => `c${at}`)
  await using setting = await startChaos(ids, 1, open)
  const fleet = await startChaosFleet(setting.broker.url, DEVICES)
  try {
    const stop = new AbortController()
    const loading = Promise.all([fleet.load(RATE, stop.signal), write(setting, ids, stop.signal)])
    await sleep(BEFORE_MS)
    const from = await deed(setting.db)
    const before = acceptedBy(fleet)
    await until('devices are told again', () => acceptedBy(fleet) > before, SILENCE_SECONDS)
    const silence = (performance.now() - from) / 1000
    await sleep(AFTER_MS)
    stop.abort()
    await loading
    await until('all answered', () => fleet.devices.every((one) => one.pending === undefined), 60)
    await until('outbox empty', () => outboxEmpty(setting.db).catch(() => false), 40)
    await sleep(300)
    const violations = await check(setting.db, fleet.devices)
    return { violations, accepted: acceptedBy(fleet), silence }
  } finally {
    await fleet.close()
  }
}

async function write(
  setting: ChaosSetting,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (let n = 1; !signal.aborted; n++) {
    await setting.desire(ids[n % ids.length] ?? 'c0', n)
    await sleep(100)
  }
}
