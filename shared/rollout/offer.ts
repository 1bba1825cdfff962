import { readRelease, type Release } from '../artifact/releases.ts'
import type { Db } from '../db/database.ts'
import { deviceId, type DeviceId } from '../device-id.ts'
import { enqueue } from '../outbox/enqueue.ts'
import { offerActions, type OfferRow } from './engine-queries.ts'
import type { RolloutRow } from './rollout.ts'
import type { Timeouts } from './rules.ts'

/** A device's action, for its message. */
export type Offered = Pick<OfferRow, 'device_id' | 'number'> & {
  readonly hardware_rev: string | null
}

export interface OfferDeps {
  /** What devices reach the API by, without a path. */
  readonly apiUrl: string
}

const TOPIC = 'devices/{id}/ota/notify'
const OFFERED_AT_ONCE = 2_000
/** When a silent device is looked at first: one that was away is told again soon after it came back. */
export const LOOK_SECONDS = 30

/** When an action is looked at first. */
export function lookSeconds({
  answer_seconds,
  progress_seconds,
  verify_seconds,
}: Timeouts): number {
  return Math.min(LOOK_SECONDS, answer_seconds, progress_seconds, verify_seconds)
}

/** Opens the next actions of a running group and tells their devices. Answers how many. */
export async function offerNext(
  tx: Db,
  deps: OfferDeps,
  rollout: RolloutRow,
  grp: number,
  slots: Set<number>,
): Promise<number> {
  const seconds = lookSeconds(rollout.rules.timeouts)
  const offers = await tx.rows(offerActions, [rollout.rollout_id, grp, OFFERED_AT_ONCE, seconds])
  await notifyDevices(tx, deps, rollout, offers, slots)
  return offers.length
}

/** What a device is told: one message for all of the same hardware whose actions were made in the same second. */
export async function notifyDevices(
  tx: Db,
  { apiUrl }: OfferDeps,
  rollout: Pick<RolloutRow, 'release_id' | 'kind'>,
  offers: readonly Offered[],
  slots: Set<number>,
): Promise<void> {
  if (offers.length === 0) return
  const { kind } = rollout
  const release = await readRelease(tx, String(rollout.release_id))
  const alike = Map.groupBy(offers, (offer) => `${offer.number} ${offer.hardware_rev}`)
  for (const group of alike.values()) {
    const [{ number, hardware_rev: hardware } = { number: 0, hardware_rev: null }] = group
    const payload = noticeText({ apiUrl }, release, { number, hardware, kind })
    if (payload === undefined) continue
    const deviceIds = idsOf(group)
    const told = await enqueue(tx, { deviceIds, topic: TOPIC, payload, class: 'ota' })
    for (const slot of told.slots) slots.add(slot)
  }
}

interface Notice {
  readonly number: number
  readonly hardware: string | null
  readonly kind: RolloutRow['kind']
}

/** The message of an action; undefined where nothing may be sent to that hardware. */
export function noticeText(
  { apiUrl }: OfferDeps,
  release: Release,
  { number, hardware, kind }: Notice,
): string | undefined {
  const artifact = release.artifacts.find((each) => each.hardware_rev === hardware)
  if (artifact === undefined || artifact.state !== 'ready') return undefined
  return JSON.stringify({
    number,
    release: release.name,
    version: release.version,
    url: `${apiUrl}/api/v1/artifacts/${artifact.artifact_id}/content`,
    size: Number(artifact.size),
    sha256: artifact.sha256.toString('hex'),
    kind,
  })
}

function idsOf(offers: readonly Offered[]): DeviceId[] {
  return offers.flatMap((offer) => deviceId(offer.device_id) ?? [])
}
