import { readRelease } from '../artifact/releases.ts'
import type { Db } from '../db/database.ts'
import { deviceId, type DeviceId } from '../device-id.ts'
import { readOpenOffers } from './engine-queries.ts'
import { noticeText, type OfferDeps } from './offer.ts'

/**
 * What each of the devices is to be told that has an action and has not yet restarted for it: a device that was away, or lost its memory,
 * hears of it again. A paused rollout tells only who had begun.
 */
export async function openOffers(
  db: Db,
  deps: OfferDeps,
  deviceIds: readonly DeviceId[],
): Promise<Map<DeviceId, string>> {
  const offers = new Map<DeviceId, string>()
  if (deviceIds.length === 0) return offers
  const rows = await db.rows(readOpenOffers, [deviceIds.toSorted()])
  for (const [releaseId, group] of Map.groupBy(rows, (row) => row.release_id)) {
    const release = await readRelease(db, String(releaseId))
    for (const { device_id: id, number, hardware_rev: hardware, kind } of group) {
      const text = noticeText(deps, release, { number, hardware, kind })
      const device = deviceId(id)
      if (text !== undefined && device !== undefined) offers.set(device, text)
    }
  }
  return offers
}
