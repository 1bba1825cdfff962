import type { Frame } from '../../shared/mqtt/delivery.ts'
import type { Link } from './link.ts'

/** What it needs of a connection. */
export type Outlet = Pick<Link, 'quota' | 'writable' | 'publish' | 'acknowledge'>

/** What is written to the connection, in this order: an item's frames, then its PUBACK. */
export type Step =
  | { readonly frame: Omit<Frame, 'item'>; readonly done: (code: number) => void }
  | { readonly acknowledge: number }

/**
 * Writes frames and PUBACKs in their order, never more unacknowledged publications than the broker offered to take. If the broker
 * has the PUBACK, it has the frames written before it: they came over one connection.
 */
export class Publisher {
  readonly #link: Outlet
  readonly #onRoom: () => void
  readonly #steps: Step[] = []
  #next = 0
  #unacknowledged = 0

  constructor(link: Outlet, onRoom: () => void) {
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
    const waited = this.full
    while (this.#writeNext());
    if (this.full) return
    this.#steps.length = 0
    this.#next = 0
    if (waited) this.#onRoom()
  }

  #writeNext(): boolean {
    const step = this.#steps[this.#next]
    if (step === undefined || !this.#link.writable) return false
    const counts = 'frame' in step && step.frame.qos === 1
    if (counts && this.#unacknowledged >= this.#link.quota) return false
    this.#next += 1
    if ('acknowledge' in step) this.#link.acknowledge(step.acknowledge)
    else if (counts) this.#publish(step.frame, step.done)
    else this.#link.publish(step.frame, step.done)
    return true
  }

  #publish(frame: Omit<Frame, 'item'>, done: (code: number) => void): void {
    this.#unacknowledged += 1
    this.#link.publish(frame, (code) => {
      this.#unacknowledged -= 1
      done(code)
      if (this.full) this.flush()
    })
  }
}
