import type { ChaosFleet } from '../../chaos/fleet.ts'

const LOOK_MS = 20

/** The longest time in which no device of a fleet was answered. */
export class Silence {
  readonly #fleet: ChaosFleet
  #heard = 0
  #since = 0
  #longest = 0
  #timer: NodeJS.Timeout | undefined

  constructor(fleet: ChaosFleet) {
    this.#fleet = fleet
  }

  start(): void {
    this.#since = performance.now()
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
  }

  #look(): void {
    const heard = this.#fleet.devices.reduce((sum, { accepted }) => sum + accepted.size, 0)
    const now = performance.now()
    this.#longest = Math.max(this.#longest, now - this.#since)
    if (heard !== this.#heard) this.#since = now
    this.#heard = heard
  }

  /** In milliseconds. */
  end(): number {
    clearInterval(this.#timer)
    this.#look()
    return this.#longest
  }
}
