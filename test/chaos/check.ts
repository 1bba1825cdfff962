import type { Database } from '../../shared/db/database.ts'
import type { ChaosDevice } from './fleet.ts'

/** What went wrong, by kind; all zero when the promises hold. */
export interface Violations {
  acceptedButNotStored: number
  committedButNotTold: number
  deltasThatWentBack: number
  effectTwice: number
  lastDeltaWrong: number
}

interface Row {
  readonly device_id: string
  readonly version: bigint
  readonly request: string
}

/** Compares what devices heard with what is stored. */
export async function check(db: Database, devices: readonly ChaosDevice[]): Promise<Violations> {
  const rows = await db.unnamed<Row>(
    'chaos',
    'select device_id, version, request from shadow_history order by device_id, version',
    [],
  )
  const byDevice = Map.groupBy(rows, (row) => row.device_id)
  const found: Violations = {
    acceptedButNotStored: 0,
    committedButNotTold: 0,
    deltasThatWentBack: 0,
    effectTwice: 0,
    lastDeltaWrong: 0,
  }
  for (const device of devices) checkDevice(device, byDevice.get(device.id) ?? [], found)
  return found
}

function checkDevice(device: ChaosDevice, rows: readonly Row[], found: Violations): void {
  const tokens = new Set<string>()
  let desired = 0
  for (const { version, request } of rows) {
    const { state, clientToken } = JSON.parse(request)
    if (clientToken !== undefined) {
      if (tokens.has(clientToken)) found.effectTwice += 1
      tokens.add(clientToken)
    }
    if (state.desired !== undefined) desired = state.desired.n
    if (!device.acceptedVersions.has(Number(version))) found.committedButNotTold += 1
  }
  for (const token of device.accepted.keys())
    if (!tokens.has(token)) found.acceptedButNotStored += 1
  let last = 0
  for (const { version } of device.deltas) {
    if (version < last) found.deltasThatWentBack += 1
    last = version
  }
  if (desired !== 0 && device.deltas.at(-1)?.n !== desired) found.lastDeltaWrong += 1
}
