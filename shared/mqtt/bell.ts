// The connector's own items to compute-delta: look at this device.
import { isJsonObject } from '../json.ts'

/**
 * Why a device is looked at: rows wait in the outbox; it subscribed, so it gets its open deltas and its retained document;
 * the broker may have forgotten the retained document.
 */
export type BellReason = 'outbox' | 'subscribe' | 'mark'

export interface Bell {
  readonly why: BellReason
  /** Rows of the outbox that name the device; some may be gone meanwhile. Empty unless rows wait. */
  readonly outbox: readonly string[]
  /** What the device subscribed to, when that is the reason. */
  readonly filters?: readonly string[]
}

const NUMBER = /^[1-9]\d{0,18}$/
const MAX_FILTERS = 32

export function encodeBell({ why, outbox, filters = [] }: Bell): Buffer {
  const said = filters.length === 0 ? {} : { filters: filters.slice(0, MAX_FILTERS) }
  return Buffer.from(JSON.stringify({ outbox, why, ...said }))
}

/** Undefined when the payload is no bell. */
export function parseBell(payload: Buffer): Bell | undefined {
  let value: unknown
  try {
    value = JSON.parse(payload.toString('utf8'))
  } catch {
    return undefined
  }
  if (!isJsonObject(value)) return undefined
  const { why, outbox, filters = [] } = value
  if (why !== 'outbox' && why !== 'subscribe' && why !== 'mark') return undefined
  if (!isTexts(outbox) || !outbox.every((id) => NUMBER.test(id)) || !isTexts(filters)) {
    return undefined
  }
  return { why, outbox, filters }
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((each) => typeof each === 'string')
