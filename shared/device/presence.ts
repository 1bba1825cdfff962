import type { Db } from '../db/database.ts'
import { deviceId, type DeviceId } from '../device-id.ts'
import { emitAll, type MusterEvent } from '../event/emit.ts'
import { applyReportedVersions } from '../rollout/reported-version.ts'
import { writeLastSeen, writePresence } from './presence-queries.ts'

/** What was heard of a device: that it came, stayed or went, and what it runs. */
export interface Sighting {
  readonly deviceId: DeviceId
  readonly connected: boolean
  /** When, by the broker's clock; of now where it did not say. */
  readonly at?: Date | undefined
  readonly firmwareVer?: string | undefined
}

/**
 * Notes a batch of sightings, in their order; of a device the last one stands, and the last version that it said. Repeated, it changes
 * nothing. Unknown devices are left out. A version may end the action that waits for it.
 */
export async function noteSightings(
  tx: Db,
  slot: number,
  sightings: readonly Sighting[],
  at: Date,
): Promise<void> {
  const last = new Map<DeviceId, Sighting>()
  for (const sighting of sightings) {
    const { firmwareVer = last.get(sighting.deviceId)?.firmwareVer } = sighting
    last.set(sighting.deviceId, { ...sighting, firmwareVer })
  }
  const sorted = [...last.values()].toSorted((a, b) => (a.deviceId < b.deviceId ? -1 : 1))
  const ids = sorted.map((sighting) => sighting.deviceId)
  const connected = sorted.map((sighting) => sighting.connected)
  const times = sorted.map((sighting) => sighting.at ?? null)
  const changes = await tx.rows(writePresence, [ids, connected, times, slot])
  await tx.rows(writeLastSeen, [ids])
  await emitAll(
    tx,
    changes.flatMap((row): MusterEvent[] => {
      const id = deviceId(row.device_id)
      if (id === undefined || row.connected === row.was) return []
      return [{ kind: row.connected ? 'device.connected' : 'device.disconnected', deviceId: id }]
    }),
  )
  const reports = sorted.flatMap(({ deviceId: id, firmwareVer: version }) =>
    version === undefined ? [] : [{ deviceId: id, version, at }],
  )
  await applyReportedVersions(tx, reports)
}
