import type { Metrics } from './metrics.ts'
import { CallWindow } from './window.ts'

/** Whoever may want to make calls when a window has room again. */
export interface Waiter {
  wake(): void
}

/** The windows of all functions, shared by the sessions of this process. */
export class Windows {
  readonly #metrics: Metrics
  readonly #windows = new Map<string, CallWindow>()
  readonly #succeeded = new Map<string, number>()
  readonly #waiting = new Map<string, Set<Waiter>>()

  constructor(metrics: Metrics) {
    this.#metrics = metrics
  }

  /** A pass to call the function, to be given back; undefined: the waiter is woken when there is room. */
  enter(
    functionName: string,
    waiter: Waiter,
  ): ((outcome: 'answered' | 'busy' | 'failed', full: boolean) => void) | undefined {
    const window = this.#windows.get(functionName) ?? new CallWindow()
    this.#windows.set(functionName, window)
    if (!window.enter()) {
      const waiting = this.#waiting.get(functionName) ?? new Set()
      this.#waiting.set(functionName, waiting.add(waiter))
      return undefined
    }
    return (outcome, full) => {
      window.leave(outcome, full)
      this.#metrics.window.set({ function: functionName }, window.limit)
      const waiting = this.#waiting.get(functionName)
      this.#waiting.delete(functionName)
      for (const each of waiting ?? []) each.wake()
    }
  }

  /** Forgets a waiter. */
  leave(waiter: Waiter): void {
    for (const waiting of this.#waiting.values()) waiting.delete(waiter)
  }

  succeed(functionName: string, at: number): void {
    this.#succeeded.set(functionName, at)
  }

  /** When the function last answered a call; 0: never. */
  succeededAt(functionName: string): number {
    return this.#succeeded.get(functionName) ?? 0
  }
}
