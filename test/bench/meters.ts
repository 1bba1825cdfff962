import { setTimeout as sleep } from 'node:timers/promises'
import { cpuSeconds, cpuSecondsAlone } from './processes.ts'

/** CPU seconds that a process has used so far, by the name it has in reports. */
export type Meters = Readonly<Record<string, () => number>>

const LOOK_MS = 500
// Below a tenth of a core: only timers are at work.
const IDLE_SECONDS = 0.05

export const meterOf = (pid: number) => (): number => cpuSecondsAlone(pid)

/** With the processes below it, as PostgreSQL has one for each connection. */
export const treeMeterOf = (pid: number) => (): number => cpuSeconds(pid)

export function readMeters(meters: Meters): Record<string, number> {
  return Object.fromEntries(Object.entries(meters).map(([name, read]) => [name, read()]))
}

export function since(before: Readonly<Record<string, number>>, meters: Meters) {
  const now = readMeters(meters)
  return Object.fromEntries(
    Object.entries(now).map(([name, used]) => [name, used - (before[name] ?? 0)]),
  )
}

/** Waits until what the last run left behind is done, for half a minute at most. */
export async function untilIdle(meters: Meters): Promise<void> {
  for (let turn = 0; turn < 30_000 / LOOK_MS; turn++) {
    const before = readMeters(meters)
    await sleep(LOOK_MS)
    const used = Object.values(since(before, meters)).reduce((sum, each) => sum + each, 0)
    if (used <= IDLE_SECONDS) return
  }
}
