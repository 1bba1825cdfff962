import type { Db } from '../db/database.ts'
import type { DeviceId } from '../device-id.ts'
import { readBarred } from './barred-queries.ts'

/**
 * Of these devices, those that are suspended or decommissioned. A broker may let one in for the moment before it is thrown off;
 * a device that the registry does not know is not its concern.
 */
export async function barredDevices(
  db: Db,
  deviceIds: readonly DeviceId[],
): Promise<ReadonlySet<string>> {
  const rows = await db.rows(readBarred, [[...new Set(deviceIds)].toSorted()])
  return new Set(rows.map(({ device_id }) => device_id))
}
