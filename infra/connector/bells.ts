import { bellTopic } from '../../shared/mqtt/topics.ts'
import { deviceId } from '../../shared/device-id.ts'
import type { BellReason } from '../../shared/mqtt/bell.ts'
import { hold, type Held, type Ring } from './held.ts'
import type { Lanes } from './lanes.ts'

const BELL_FUNCTION = 'compute-delta'
const ONE_SECOND = 1000
const MOST_ROWS = 500

interface BellsDeps {
  readonly lanes: Lanes
  readonly nextDelivery: () => string
  readonly now: () => number
  readonly later: (work: () => void, ms: number) => void
  /** Something is ready in the lanes. */
  readonly wake: () => void
}

interface Opening {
  readonly filters: Set<string>
  readonly packets: number[]
}

/** Puts bells into lanes: one waits in a lane at most, and whatever is asked meanwhile joins it. */
export class Bells {
  readonly #deps: BellsDeps
  readonly #openings = new Map<string, Opening>()

  constructor(deps: BellsDeps) {
    this.#deps = deps
  }

  /** Rows of the outbox wait for the device. */
  ringFor(id: string, row: string, first: boolean): void {
    this.#ring(id, 'outbox', { first, rows: [row] })
  }

  /** The broker may have lost the device's retained document. */
  ringForMark(id: string): void {
    this.#ring(id, 'mark', {})
  }

  /** The device subscribed: at most one bell a second, that holds what came meanwhile. */
  ringForSubscription(id: string, filter: string, packet: number | null): void {
    const packets = packet === null ? [] : [packet]
    const waiting = this.#openings.get(id)
    if (waiting !== undefined) {
      waiting.filters.add(filter)
      waiting.packets.push(...packets)
      return
    }
    this.#openings.set(id, { filters: new Set(), packets: [] })
    this.#ring(id, 'subscribe', { filters: [filter], packets })
    this.#closeLater(id)
  }

  #closeLater(id: string): void {
    this.#deps.later(() => {
      const opening = this.#openings.get(id)
      if (opening === undefined || opening.filters.size === 0) return void this.#openings.delete(id)
      this.#openings.set(id, { filters: new Set(), packets: [] })
      const { filters, packets } = opening
      this.#ring(id, 'subscribe', { filters: [...filters], packets })
      this.#closeLater(id)
    }, ONE_SECOND)
  }

  #ring(
    id: string,
    why: BellReason,
    asked: { first?: boolean; rows?: string[]; filters?: string[]; packets?: number[] },
  ): void {
    const { lanes, wake } = this.#deps
    const { first = false, rows = [], filters = [], packets = [] } = asked
    const waiting = lanes.waitingBell(id, BELL_FUNCTION)
    const ring = waiting?.ring
    const joins = ring !== undefined && ring.outbox.size < MOST_ROWS
    const bell = joins ? waiting : this.#newBell(id, why)
    if (bell?.ring === undefined) return
    for (const row of rows) bell.ring.outbox.add(row)
    for (const filter of filters) bell.ring.filters.add(filter)
    bell.acks.push(...packets)
    bell.ring.why = stronger(bell.ring.why, why)
    if (joins && first) lanes.remove(bell)
    if (first) lanes.addFirst(bell)
    else if (!joins) lanes.add(bell)
    wake()
  }

  #newBell(id: string, why: BellReason): Held | undefined {
    const known = deviceId(id)
    if (known === undefined) return undefined
    const ring: Ring = { why, outbox: new Set(), filters: new Set() }
    const delivery = this.#deps.nextDelivery()
    const received = { lane: id, functionName: BELL_FUNCTION, topic: bellTopic(known) }
    return hold({ ...received, payload: EMPTY, delivery, packet: null, ring }, this.#deps.now())
  }
}

const EMPTY = Buffer.alloc(0)
const STRENGTH: readonly BellReason[] = ['outbox', 'mark', 'subscribe']

// Who subscribed is told its open deltas too; the rows are told in any case.
function stronger(one: BellReason, other: BellReason): BellReason {
  return STRENGTH.indexOf(one) >= STRENGTH.indexOf(other) ? one : other
}
