import type { Logger } from '../../../shared/log.ts'

interface Part {
  readonly name: string
  /** What the parts that end before this one must leave it. */
  readonly needsMs: number
  readonly close: (withinMs: number) => Promise<void>
}

const NEEDS_MS = 20

/** What was started, ended in the reverse order; each gets what is left of the time. */
export class Parts {
  readonly #parts: Part[] = []

  add(name: string, close: Part['close'], needsMs = NEEDS_MS): void {
    this.#parts.push({ name, close, needsMs })
  }

  async close(withinMs: number, log: Logger): Promise<void> {
    const until = performance.now() + withinMs
    for (let part = this.#parts.pop(); part !== undefined; part = this.#parts.pop()) {
      const { name, close } = part
      const kept = this.#parts.reduce((sum, { needsMs }) => sum + needsMs, 0)
      const left = Math.max(NEEDS_MS, until - performance.now() - kept)
      const late = Symbol('late')
      const { promise, resolve } = Promise.withResolvers<typeof late>()
      const timer = setTimeout(() => resolve(late), left)
      const ended = await Promise.race([close(left), promise]).catch((error: unknown) => {
        log.warn({ part: name, err: error }, 'part did not end well')
      })
      clearTimeout(timer)
      log.debug({ part: name, leftMs: Math.round(until - performance.now()) }, 'part ended')
      if (ended === late) log.warn({ part: name }, 'part did not end in time')
    }
  }
}
