import type { Db } from '../db/database.ts'
import type { DeviceId } from '../device-id.ts'
import { DomainError } from '../errors.ts'
import { toDevice, type Device } from './device.ts'
import { readDevices } from './queries.ts'

export interface Found {
  readonly device: Device
  readonly revision: bigint
}

/** One device. Throws device.not_found. */
export async function readDevice(db: Db, id: DeviceId): Promise<Found> {
  const row = await db.row(readDevices, [[id]])
  if (row === undefined) throw new DomainError('device.not_found', { device_id: id })
  return { device: toDevice(row), revision: row.revision }
}

/** Devices in the order of their ids as given; unknown ones are left out. */
export async function readDeviceList(db: Db, ids: readonly string[]): Promise<Device[]> {
  if (ids.length === 0) return []
  const rows = await db.rows(readDevices, [ids])
  return rows.map(toDevice)
}
