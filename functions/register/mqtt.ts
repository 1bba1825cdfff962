import * as z from 'zod'
import { transaction } from '../../shared/db/transaction.ts'
import { noteSightings, type Sighting } from '../../shared/device/presence.ts'
import { NOTICE_TOPIC, parsePresence } from '../../shared/mqtt/broker-log.ts'
import { encodeAnswer, parseBatch, type Item, type Verdict } from '../../shared/mqtt/delivery.ts'
import { parseTopic } from '../../shared/mqtt/topics.ts'
import { applyReportedVersions } from '../../shared/rollout/reported-version.ts'
import type { Deps } from './deps.ts'

/** A device's birth and will (interface.md §7); what it does not know yet it may leave out. */
const Status = z.strictObject({
  connected: z.boolean(),
  firmware_ver: z
    .string()
    .min(1)
    .max(128)
    .regex(/^\P{Cc}*$/u)
    .optional(),
  boot_id: z.string().max(128).optional(),
})

type Read = Sighting | 'nothing' | 'dead:request.invalid' | 'dead:request.too_large'

function readItem(item: Item): Read {
  if (item.topic === NOTICE_TOPIC) {
    const notice = parsePresence(item.payload)
    if (notice === undefined) return 'nothing'
    const { deviceId, kind, at } = notice
    const connected = kind === 'connected'
    return { deviceId, connected, at: at === undefined ? undefined : new Date(at * 1000) }
  }
  const topic = parseTopic(item.topic)
  if (topic?.kind !== 'status') return 'nothing'
  if (item.over === 413) return 'dead:request.too_large'
  // A retained status that is cleared.
  if (item.payload.length === 0) return 'nothing'
  const status = Status.safeParse(parse(item.payload))
  if (!status.success) return 'dead:request.invalid'
  const { connected, firmware_ver: firmwareVer } = status.data
  return { deviceId: topic.deviceId, connected, firmwareVer }
}

function parse(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8'))
  } catch {
    return undefined
  }
}

/** Presence: births, wills and the broker's own notices, a batch in one transaction. */
export async function mqtt(deps: Deps, request: Request): Promise<Response> {
  const items = await parseBatch(request)
  const read = items.map(readItem)
  const sightings = read.filter((each) => typeof each === 'object')
  const [first] = items
  if (sightings.length > 0 && first !== undefined) {
    const at = deps.clock.now()
    const versions = sightings.flatMap(({ deviceId, firmwareVer: version }) =>
      version === undefined ? [] : [{ deviceId, version, at }],
    )
    await transaction(deps.db, async (tx) => {
      await noteSightings(tx, first.slot, sightings, deps.clock.now())
      // Also a version that did not change: a device that fell back says its old one.
      await applyReportedVersions(tx, versions)
    })
  }
  const verdicts = read.map((each): Verdict =>
    typeof each === 'string' && each !== 'nothing' ? each : 'done',
  )
  return encodeAnswer({ verdicts, outbox: [], more: false, frames: [] })
}
