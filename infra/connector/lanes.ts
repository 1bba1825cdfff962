import { BATCH_BYTES, BATCH_ITEMS } from '../../shared/mqtt/delivery.ts'
import { eventBytes, type Held } from './held.ts'

interface Lane {
  readonly key: string
  readonly queue: Held[]
  /** A call is under way, or the lane waits for a back-off or a poll. */
  busy: boolean
}

/**
 * A lane per device: its items in order of receipt, at most one call under way for it (two would let one overtake the other).
 * Many lanes share a batch.
 */
export class Lanes {
  readonly #lanes = new Map<string, Lane>()
  /** Lanes that could go, by the function of their first item, in the order in which they became ready. */
  readonly #ready = new Map<string, Set<Lane>>()
  #items = 0

  /** Items held, whether waiting or in a call. */
  get items(): number {
    return this.#items
  }

  get size(): number {
    return this.#lanes.size
  }

  /** How many items wait in a lane, those in a call not counted. */
  waiting(key: string): number {
    return this.#lanes.get(key)?.queue.length ?? 0
  }

  add(item: Held): void {
    const lane = this.#lane(item.lane)
    lane.queue.push(item)
    this.#items += 1
    this.#makeReady(lane)
  }

  /** Puts an item before all that wait in its lane. */
  addFirst(item: Held): void {
    const lane = this.#lane(item.lane)
    this.#unready(lane)
    lane.queue.unshift(item)
    this.#items += 1
    this.#makeReady(lane)
  }

  /** The bell that waits in a lane, with whatever is asked merged into it; undefined when none waits. */
  waitingBell(key: string, functionName: string): Held | undefined {
    return this.#lanes
      .get(key)
      ?.queue.find((item) => item.ring !== undefined && item.functionName === functionName)
  }

  /** Takes a waiting item out of its lane. */
  remove(item: Held): void {
    const lane = this.#lanes.get(item.lane)
    const index = lane?.queue.indexOf(item) ?? -1
    if (lane === undefined || index < 0) return
    this.#unready(lane)
    lane.queue.splice(index, 1)
    this.#items -= 1
    this.#makeReady(lane)
    this.#forget(lane)
  }

  isReady(functionName: string): boolean {
    return (this.#ready.get(functionName)?.size ?? 0) > 0
  }

  /** How many devices have something for the function. */
  readyLanes(functionName: string): number {
    return this.#ready.get(functionName)?.size ?? 0
  }

  /**
   * Takes a batch for a function; its lanes are busy until `release`. Items that failed (a limit below the usual one) travel among
   * themselves, so that they spoil nobody's call.
   */
  take(functionName: string): Held[] {
    const taken: Held[] = []
    let bytes = 2
    let limit = BATCH_ITEMS
    for (const lane of this.#ready.get(functionName) ?? []) {
      let count = 0
      for (const item of lane.queue) {
        const size = eventBytes(item) + 1
        const first = taken[0]
        const fits =
          item.functionName === functionName &&
          taken.length < Math.min(limit, item.limit) &&
          (first === undefined ||
            (bytes + size <= BATCH_BYTES && isSuspect(first) === isSuspect(item)))
        if (!fits) break
        taken.push(item)
        bytes += size
        limit = Math.min(limit, item.limit)
        count += 1
      }
      if (count > 0) this.#occupy(lane, count)
      if (taken.length >= limit || bytes >= BATCH_BYTES) break
    }
    return taken
  }

  /** Ends the call for a lane: `again` goes back to its front, in order, behind bells that were put there meanwhile. */
  release(key: string, again: readonly Held[], finished: number): void {
    const lane = this.#lane(key)
    const bells = lane.queue.findIndex((item) => item.ring === undefined)
    lane.queue.splice(bells < 0 ? lane.queue.length : bells, 0, ...again)
    this.#items -= finished
    lane.busy = false
    this.#makeReady(lane)
    this.#forget(lane)
  }

  #lane(key: string): Lane {
    const known = this.#lanes.get(key)
    if (known !== undefined) return known
    const lane: Lane = { key, queue: [], busy: false }
    this.#lanes.set(key, lane)
    return lane
  }

  #occupy(lane: Lane, count: number): void {
    this.#unready(lane)
    lane.queue.splice(0, count)
    lane.busy = true
  }

  #makeReady(lane: Lane): void {
    const head = lane.queue[0]
    if (lane.busy || head === undefined) return
    const ready = this.#ready.get(head.functionName) ?? new Set()
    this.#ready.set(head.functionName, ready.add(lane))
  }

  #unready(lane: Lane): void {
    const head = lane.queue[0]
    if (head !== undefined) this.#ready.get(head.functionName)?.delete(lane)
  }

  #forget(lane: Lane): void {
    if (!lane.busy && lane.queue.length === 0) this.#lanes.delete(lane.key)
  }
}

const isSuspect = (item: Held): boolean => item.limit < BATCH_ITEMS
