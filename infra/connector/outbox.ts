import type { Db } from '../../shared/db/database.ts'
import {
  deleteDelivered,
  findOutbox,
  pollOutbox,
  type WaitingRow,
} from '../../shared/outbox/read.ts'

const RECENT_MS = 30_000
const FULL_MS = 5_000
const AGAIN_MS = 1_000
const MOST_TRACKED = 4000

interface Tracked {
  /** Devices whose messages of this row the broker does not have yet; none: an answer carries the whole row. */
  readonly waiting: Set<string>
  delivered: boolean
}

export interface OutboxDeps {
  readonly db: Db
  readonly slot: number
  readonly epoch: bigint
  /** Puts a bell into the device's lane; `first`: before all that waits there. */
  readonly ring: (deviceId: string, row: string, first: boolean) => void
  readonly now: () => number
}

/**
 * What the holder of a slot does about its rows: finds those that no answer carries, has a bell rung for each device, forgets
 * them when the broker has taken all their messages.
 */
export class OutboxReader {
  readonly #deps: OutboxDeps
  readonly #rows = new Map<string, Tracked>()
  readonly #deletable = new Set<string>()
  /** Smallest id seen or deleted, by second. */
  readonly #recent = new Map<number, bigint>()
  #low = 0n
  #fullAt = -Infinity

  constructor(deps: OutboxDeps) {
    this.#deps = deps
  }

  get tracked(): number {
    return this.#rows.size
  }

  /** Looks for rows that nobody's answer will carry; true when a page was full, so that there may be more. */
  async poll(): Promise<boolean> {
    if (this.#rows.size >= MOST_TRACKED) return false
    const { db, slot, epoch, now } = this.#deps
    const full = now() - this.#fullAt >= FULL_MS
    if (full) this.#fullAt = now()
    const rows = await pollOutbox(db, { slot, epoch, low: full ? 0n : this.#lowest() })
    const before = this.#rows.size
    for (const row of rows) this.#found(row, false)
    return rows.length >= 1000 && this.#rows.size > before
  }

  /** Looks for all rows of these devices, whoever wrote them: an answer was lost, or did not hold everything. */
  async ask(deviceIds: readonly string[]): Promise<void> {
    if (deviceIds.length === 0) return
    const { db, slot } = this.#deps
    for (const row of await findOutbox(db, slot, deviceIds)) this.#found(row, true)
  }

  /** An answer carries these rows whole. */
  carry(ids: readonly string[]): void {
    for (const id of ids) {
      if (!this.#rows.has(id)) this.#rows.set(id, { waiting: new Set(), delivered: false })
    }
  }

  /** The broker has taken all frames of the answer that carried these rows whole. */
  carried(ids: readonly string[]): void {
    for (const id of ids) {
      const row = this.#rows.get(id)
      if (row !== undefined && row.waiting.size === 0) this.#deliver(id, row)
    }
  }

  /** The broker has what a device was to get of these rows. */
  served(deviceId: string, ids: Iterable<string>): void {
    for (const id of ids) {
      const row = this.#rows.get(id)
      if (row === undefined || !row.waiting.delete(deviceId)) continue
      if (row.waiting.size === 0) this.#deliver(id, row)
    }
  }

  /** The broker would not take it: the rows are found again, after a while. */
  refused(ids: Iterable<string>, later: (work: () => void, ms: number) => void): void {
    const rows = [...ids]
    later(() => {
      for (const id of rows) if (this.#rows.get(id)?.delivered === false) this.#rows.delete(id)
    }, AGAIN_MS)
  }

  /** Deletes what is delivered; what cannot be deleted now is tried again. */
  async sweep(): Promise<void> {
    if (this.#deletable.size === 0) return
    const ids = [...this.#deletable]
    await deleteDelivered(this.#deps.db, this.#deps.slot, ids.map(BigInt))
    for (const id of ids) {
      this.#deletable.delete(id)
      this.#rows.delete(id)
      this.#see(BigInt(id))
    }
  }

  get sweepable(): boolean {
    return this.#deletable.size > 0
  }

  #deliver(id: string, row: Tracked): void {
    row.delivered = true
    this.#deletable.add(id)
  }

  #found({ id, devices }: WaitingRow, first: boolean): void {
    this.#see(id)
    const key = String(id)
    if (this.#rows.has(key)) return
    const row: Tracked = { waiting: new Set(devices), delivered: false }
    this.#rows.set(key, row)
    if (row.waiting.size === 0) this.#deliver(key, row)
    for (const deviceId of row.waiting) this.#deps.ring(deviceId, key, first)
  }

  #see(id: bigint): void {
    const second = Math.floor(this.#deps.now() / 1000)
    const least = this.#recent.get(second)
    if (least === undefined || id < least) this.#recent.set(second, id)
  }

  /** Trails by 30 s: a transaction may take its id long before it commits. */
  #lowest(): bigint {
    const oldest = Math.floor((this.#deps.now() - RECENT_MS) / 1000)
    for (const [second, id] of this.#recent) {
      if (second >= oldest) break
      this.#recent.delete(second)
      if (id - 1n > this.#low && this.#recent.size === 0) this.#low = id - 1n
    }
    let least: bigint | undefined
    for (const id of this.#recent.values()) if (least === undefined || id < least) least = id
    if (least !== undefined) this.#low = least - 1n
    return this.#low
  }
}
