import type { Db } from '../db/database.ts'
import { deviceId, type DeviceId } from '../device-id.ts'
import { emitAll } from '../event/emit.ts'
import { AWAITING_VERSION } from './action.ts'
import { readAwaiting, writeVersions } from './action-queries.ts'
import { moveAll } from './move-actions.ts'
import { judgeVersion, sameVersion } from './report.ts'

// Functions and the database have clocks of their own.
const SKEW_MS = 60_000

/** What a device said of itself, by whatever way. */
export interface ReportedVersion {
  readonly deviceId: DeviceId
  readonly version: string
  /** When it was received: what is clearly older than the action's last state judges nothing. */
  readonly at: Date
}

/**
 * Takes what a device says that it runs: the registry shows it, and an action that waits for it ends, succeeded or failed. Call it
 * wherever a device tells its version (status, ota/status, a declared shadow leaf).
 */
export function applyReportedVersion(
  tx: Db,
  device: DeviceId,
  version: string,
  at: Date,
): Promise<void> {
  return applyReportedVersions(tx, [{ deviceId: device, version, at }])
}

/** The same for a batch; of several reports of a device the last counts. */
export async function applyReportedVersions(
  tx: Db,
  reports: readonly ReportedVersion[],
): Promise<void> {
  const last = new Map(reports.map((report) => [report.deviceId, report]))
  if (last.size === 0) return
  await recordVersions(tx, reports)
  const byId: ReadonlyMap<string, ReportedVersion> = last
  const awaiting = await tx.rows(readAwaiting, [[...last.keys()].toSorted(), AWAITING_VERSION])
  const moves = awaiting.flatMap((action) => {
    const report = byId.get(action.device_id)
    if (report === undefined) return []
    if (report.at.getTime() < action.state_at.getTime() - SKEW_MS) return []
    const to = judgeVersion(action, report.version, sameVersion)
    return to === undefined ? [] : [{ action, to, agentVerdict: action.agent_verdict }]
  })
  await moveAll(tx, moves)
}

/** Writes the registry only. */
export async function recordVersions(
  tx: Db,
  reports: readonly Pick<ReportedVersion, 'deviceId' | 'version'>[],
): Promise<void> {
  const last = new Map(reports.map((report) => [report.deviceId, report.version]))
  const ids = [...last.keys()].toSorted()
  if (ids.length === 0) return
  const changed = await tx.rows(writeVersions, [ids, ids.map((id) => last.get(id) ?? '')])
  await emitAll(
    tx,
    changed.flatMap(({ device_id: id, was }) => {
      const known = deviceId(id)
      const version = known && last.get(known)
      if (known === undefined || version === undefined) return []
      return [
        { kind: 'device.firmware_changed', deviceId: known, payload: { from: was, to: version } },
      ]
    }),
  )
}
