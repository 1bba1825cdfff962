import type { Answer } from '../../shared/mqtt/delivery.ts'
import type { Bells } from './bells.ts'
import type { Held } from './held.ts'
import type { OutboxReader } from './outbox.ts'
import type { Fate } from './outcome.ts'
import type { Step } from './publisher.ts'
import { stepsOf } from './settle.ts'

interface DeliveryDeps {
  readonly outbox: OutboxReader
  readonly bells: Bells
  /** The broker did not take a message. */
  readonly refused: (code: number) => void
  readonly later: (work: () => void, ms: number) => void
}

const REFUSED = 0x80
const QUOTA_EXCEEDED = 0x97

/** An answer on its way to the broker: when the broker has taken all of its frames, the rows that they carry may go. */
export class Delivery {
  readonly #deps: DeliveryDeps
  readonly #batch: readonly Held[]
  readonly #fates: readonly Fate[]
  readonly #answer: Answer
  /** Bells that are through, and the rows that they were rung for. */
  readonly #bells: readonly Held[]
  readonly #belled: ReadonlySet<string>
  /** Rows that the answer carries for all their devices. */
  readonly #whole: readonly string[]
  #left: number
  #full = false

  constructor(deps: DeliveryDeps, batch: readonly Held[], fates: readonly Fate[], answer: Answer) {
    this.#deps = deps
    this.#batch = batch
    this.#fates = fates
    this.#answer = answer
    this.#bells = batch.filter((item, at) => item.ring !== undefined && isOver(fates[at]))
    this.#belled = new Set(batch.flatMap((item) => [...(item.ring?.outbox ?? [])]))
    this.#whole = answer.outbox.filter((row) => !this.#belled.has(row))
    this.#left = answer.frames.length
  }

  /** What is to be written, in this order. */
  steps(): Step[] {
    this.#deps.outbox.carry(this.#whole)
    const { frames } = this.#answer
    if (frames.length === 0) this.#finish()
    return stepsOf(this.#batch, this.#fates, frames, (code) => this.#taken(code))
  }

  #taken(code: number): void {
    if (code >= REFUSED) this.#deps.refused(code)
    // The broker has no room now; any other refusal would be the same tomorrow.
    if (code === QUOTA_EXCEEDED) this.#full = true
    this.#left -= 1
    if (this.#left === 0) this.#finish()
  }

  #finish(): void {
    const { outbox, bells, later } = this.#deps
    if (this.#full) {
      outbox.refused([...this.#whole, ...this.#belled], later)
      return
    }
    outbox.carried(this.#whole)
    const named = new Set(this.#answer.outbox)
    for (const { lane, ring } of this.#bells) {
      const rows = [...(ring?.outbox ?? [])]
      // With `more`, what is not named did not fit; without, what is not named was no longer there.
      const told = this.#answer.more ? rows.filter((row) => named.has(row)) : rows
      outbox.served(lane, told)
      for (const row of rows) if (!told.includes(row)) bells.ringFor(lane, row, true)
    }
  }
}

const isOver = (fate: Fate | undefined): boolean =>
  fate?.kind === 'done' || fate?.kind === 'duplicate'
