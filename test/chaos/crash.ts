// Deaths at chosen points, by environment variables that only the wrappers of these tests read: CRASH_<POINT> is a chance.
import { writeSync } from 'node:fs'

/** Kills this process as kill -9 does, by chance; before it the last deed, and the line that says where. */
export function maybeDie(point: string, last?: () => void): void {
  if (Math.random() >= Number(process.env[`CRASH_${point}`] ?? 0)) return
  last?.()
  writeSync(1, `crash ${point}\n`)
  process.kill(process.pid, 'SIGKILL')
}
