import type { Logger } from '../../../shared/log.ts'

interface Part {
  readonly name: string
  readonly close: (withinMs: number) => Promise<void>
}

/** What was started, ended in the reverse order; each gets what is left of the time. */
export class Parts {
  readonly #parts: Part[] = []

  add(name: string, close: (withinMs: number) => Promise<void>): void {
    this.#parts.push({ name, close })
  }

  async close(withinMs: number, log: Logger): Promise<void> {
    const until = performance.now() + withinMs
    for (let part = this.#parts.pop(); part !== undefined; part = this.#parts.pop()) {
      const { name, close } = part
      const left = Math.max(100, until - performance.now())
      const late = Symbol('late')
      const { promise, resolve } = Promise.withResolvers<typeof late>()
      const timer = setTimeout(() => resolve(late), left)
      const ended = await Promise.race([close(left), promise]).catch((error: unknown) => {
        log.warn({ part: name, err: error }, 'part did not end well')
      })
      clearTimeout(timer)
      if (ended === late) log.warn({ part: name }, 'part did not end in time')
    }
  }
}
