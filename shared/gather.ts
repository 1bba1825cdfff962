/** How one item of a batch ended. */
export type Outcome<T> =
  | { readonly value: T; readonly error?: never }
  | { readonly error: unknown; readonly value?: never }

/**
 * Group commit: while one batch is under way the next one gathers, so that under load many requests share a transaction and an idle
 * system waits for nothing. `work` answers for each item, in order; when it throws, all its items fail alike.
 */
export function gather<I, O>(
  most: number,
  work: (items: readonly I[]) => Promise<readonly Outcome<O>[]>,
): (item: I) => Promise<O> {
  interface Waiting {
    readonly item: I
    readonly resolve: (value: O) => void
    readonly reject: (reason: unknown) => void
  }
  let waiting: Waiting[] = []
  let busy = false

  const run = async (batch: readonly Waiting[]): Promise<void> => {
    try {
      const outcomes = await work(batch.map(({ item }) => item))
      for (const [at, { resolve, reject }] of batch.entries()) {
        const outcome = outcomes[at]
        if (outcome && 'value' in outcome) resolve(outcome.value)
        else reject(outcome?.error ?? new Error('a batch left an item without an answer'))
      }
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }
  const drain = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, most)
      waiting = waiting.slice(most)
      await run(batch)
    }
    busy = false
  }
  return (item) =>
    new Promise<O>((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      if (busy) return
      busy = true
      setImmediate(() => void drain())
    })
}

/** Outcomes of items that were worked on one by one. */
export async function eachAlone<I, O>(
  items: readonly I[],
  work: (item: I) => Promise<O>,
): Promise<Outcome<O>[]> {
  const outcomes: Outcome<O>[] = []
  for (const item of items) {
    try {
      outcomes.push({ value: await work(item) })
    } catch (error) {
      outcomes.push({ error })
    }
  }
  return outcomes
}
