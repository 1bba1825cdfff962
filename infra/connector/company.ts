const LINGER_MS = 10

interface UnderWay {
  calls: number
  items: number
  /** Since when few items wait for more of them; undefined: none do. */
  since: number | undefined
}

/**
 * Whether items that are ready had better wait for others. A call costs as much as some thirty items, so while one is under way, few
 * items wait until there are as many as a call carries, it returns, or 10 ms are over. Who comes alone waits for nobody.
 */
export class Company {
  readonly #functions = new Map<string, UnderWay>()

  begin(functionName: string, items: number): void {
    const known = this.#functions.get(functionName) ?? { calls: 0, items: 0, since: undefined }
    this.#functions.set(functionName, known)
    known.calls += 1
    known.items += items
    known.since = undefined
  }

  end(functionName: string, items: number): void {
    const known = this.#functions.get(functionName)
    if (known === undefined) return
    known.calls -= 1
    known.items -= items
  }

  /** How many milliseconds so many ready items should wait; 0: not at all. */
  wait(functionName: string, ready: number, now: number): number {
    const known = this.#functions.get(functionName)
    if (known === undefined || known.calls === 0) return 0
    if (ready >= Math.floor(known.items / known.calls)) return 0
    known.since ??= now
    return Math.max(0, known.since + LINGER_MS - now)
  }
}
