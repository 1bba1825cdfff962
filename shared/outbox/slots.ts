import type { Db } from '../db/database.ts'
import { BACKLOG_ROWS, type SlotClass } from './enqueue.ts'
import { readDeviceSlots } from './slot-queries.ts'

export interface DeviceSlot {
  /** Null: no connector has served it for five minutes, the device asks when it comes. */
  readonly slot: number | null
  /** Too much waits there: writes of operators are refused. */
  readonly full: boolean
}

/** Where messages to devices go; a device that the registry does not know is missing. */
export async function slotsOfDevices(
  db: Db,
  deviceIds: readonly string[],
  slotClass: SlotClass,
): Promise<Map<string, DeviceSlot>> {
  const rows = await db.rows(readDeviceSlots, [deviceIds.toSorted(), slotClass, BACKLOG_ROWS])
  return new Map(rows.map(({ device_id: id, slot, full }) => [id, { slot, full }]))
}
