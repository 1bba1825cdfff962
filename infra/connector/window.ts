const FIRST = 2
const MOST = 16

/**
 * How many calls of a function may be under way: two; one more while even full batches wait and nothing is refused, one less after a
 * batch that was not full; half after a 429. Few calls with large batches cost less than many small ones: at 100 devices a window
 * that stayed wide cost twice the CPU per update.
 */
export class CallWindow {
  #limit = FIRST
  #active = 0

  get limit(): number {
    return this.#limit
  }

  get active(): number {
    return this.#active
  }

  enter(): boolean {
    if (this.#active >= this.#limit) return false
    this.#active += 1
    return true
  }

  /** @param full whether the call's batch could hold no more and others waited for the window */
  leave(outcome: 'answered' | 'busy' | 'failed', full: boolean): void {
    const wasFull = this.#active >= this.#limit
    this.#active -= 1
    if (outcome === 'busy') this.#limit = Math.max(1, Math.floor(this.#limit / 2))
    else if (outcome === 'answered' && full && wasFull)
      this.#limit = Math.min(MOST, this.#limit + 1)
    else if (outcome === 'answered' && !full) this.#limit = Math.max(FIRST, this.#limit - 1)
    else if (outcome === 'answered') this.#limit = Math.max(FIRST, this.#limit)
  }
}
