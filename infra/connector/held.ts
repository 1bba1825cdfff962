import { BATCH_ITEMS, encodeItem } from '../../shared/mqtt/delivery.ts'
import { encodeBell, type BellReason } from '../../shared/mqtt/bell.ts'

/** What a bell asks for; merged while it waits. */
export interface Ring {
  why: BellReason
  readonly outbox: Set<string>
  readonly filters: Set<string>
}

/** A message (or bell) between its receipt and its PUBACK. It lives as long as its connection. */
export interface Held {
  readonly lane: string
  readonly functionName: string
  readonly topic: string
  readonly payload: Buffer
  readonly delivery: string
  readonly packet: number | null
  readonly dup: boolean
  readonly over: 413 | 429 | undefined
  readonly ring: Ring | undefined
  /** PUBACKs owed once it is done: its own, and those of messages merged into a bell. */
  readonly acks: number[]
  readonly receivedAt: number
  /** The most items of a batch that it may be in: halved after failures. */
  limit: number
  /** Calls without a readable answer, at this limit. */
  failures: number
  /** Consecutive tries without success: the back-off. */
  tries: number
  /** Failures while alone in its batch, and when the first of them was. */
  alone: number
  aloneSince: number
  event: string | undefined
}

export interface Received {
  readonly lane: string
  readonly functionName: string
  readonly topic: string
  readonly payload: Buffer
  readonly delivery: string
  readonly packet: number | null
  readonly dup?: boolean
  readonly over?: 413 | 429 | undefined
  readonly ring?: Ring
}

export function hold(received: Received, now: number): Held {
  const { packet, dup = false, over, ring, ...rest } = received
  return {
    ...rest,
    packet: ring === undefined ? packet : null,
    dup,
    over,
    ring,
    acks: packet === null ? [] : [packet],
    receivedAt: now,
    limit: BATCH_ITEMS,
    failures: 0,
    tries: 0,
    alone: 0,
    aloneSince: 0,
    event: undefined,
  }
}

/** The event of an item, encoded once: a bell is complete when its call is made. */
export function eventOf(item: Held, slot: number, epoch: bigint): string {
  if (item.event !== undefined) return item.event
  const { ring, topic, delivery: id, packet, dup, over } = item
  const payload = ring === undefined ? item.payload : bellPayload(ring)
  const said = { topic, payload, id, slot, epoch: String(epoch), packet, dup }
  item.event = encodeItem(over === undefined ? said : { ...said, over })
  return item.event
}

export function bellPayload({ why, outbox, filters }: Ring): Buffer {
  return encodeBell({ why, outbox: [...outbox], filters: [...filters] })
}

/** An upper bound of the event's length, for packing batches without encoding them. */
export function eventBytes(item: Held): number {
  const { ring, payload, topic } = item
  const body =
    ring === undefined ? payload.length : 64 + ring.outbox.size * 22 + ring.filters.size * 260
  return 360 + topic.length * 3 + Math.ceil(body / 3) * 4
}
