import type { Frame } from '../../shared/mqtt/delivery.ts'
import type { Link } from './link.ts'

/** What is written to the connection, in this order: an item's frames, then its PUBACK. */
export type Step =
  | { readonly frame: Omit<Frame, 'item'>; readonly done: (code: number) => void }
  | { readonly acknowledge: number }

/**
 * Writes frames and PUBACKs in their order, never more unacknowledged publications than the broker offered to take. If the broker
 * has the PUBACK, it has the frames written before it: they came over one connection.
 */
export class Publisher {
  readonly #link: Link
  readonly #onRoom: () => void
  readonly #steps: Step[] = []
  #next = 0
  #unacknowledged = 0

  constructor(link: Link, onRoom: () => void) {
    this.#link = link
    this.#onRoom = onRoom
  }

  /** No new calls while it is true: their answers could not be written. */
  get full(): boolean {
    return this.#steps.length > this.#next
  }

  get unacknowledged(): number {
    return this.#unacknowledged
  }

  get idle(): boolean {
    return !this.full && this.#unacknowledged === 0
  }

  push(steps: readonly Step[]): void {
    for (const step of steps) this.#steps.push(step)
    this.flush()
  }

  /** Writes what may be written now. */
  flush(): void {
    for (; this.#next < this.#steps.length; this.#next++) {
      const step = this.#steps[this.#next]
      if (step === undefined || !this.#link.writable) return
      if ('acknowledge' in step) this.#link.acknowledge(step.acknowledge)
      else if (step.frame.qos === 0) this.#link.publish(step.frame, step.done)
      else if (this.#unacknowledged >= this.#link.quota) return
      else this.#publish(step.frame, step.done)
    }
    this.#steps.length = 0
    this.#next = 0
  }

  #publish(frame: Omit<Frame, 'item'>, done: (code: number) => void): void {
    this.#unacknowledged += 1
    this.#link.publish(frame, (code) => {
      this.#unacknowledged -= 1
      done(code)
      const waited = this.full
      this.flush()
      if (waited && !this.full) this.#onRoom()
    })
  }
}
