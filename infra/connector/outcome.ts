import { BATCH_ITEMS, type Answer } from '../../shared/mqtt/delivery.ts'
import { backOff } from './back-off.ts'
import type { Held } from './held.ts'

/** What came of a call, as far as the connector can tell. */
export type Outcome =
  | { readonly kind: 'answer'; readonly answer: Answer }
  /** 429: the function is asked too much, the items are not to blame. */
  | { readonly kind: 'busy' }
  /** 413 and other refusals of what was sent. */
  | { readonly kind: 'refused'; readonly status: number }
  /** 5xx, error, time-out, unreadable: it may have committed. */
  | { readonly kind: 'unknown'; readonly why: string }

/** What happens to an item next. */
export type Fate =
  | { readonly kind: 'done' | 'duplicate' }
  | { readonly kind: 'again'; readonly delayMs: number }
  | { readonly kind: 'dead'; readonly reason: string }

export interface Circumstances {
  readonly now: number
  /** When the function last answered any call. */
  readonly succeededAt: number
  readonly random?: () => number
}

const FAILURES_TO_HALVE = 3
const FAILURES_TO_POISON = 5
const POISON_MS = 60_000

/** Decides for each item of a batch, and remembers on the item what failed. */
export function judge(
  batch: readonly Held[],
  outcome: Outcome,
  circumstances: Circumstances,
): Fate[] {
  switch (outcome.kind) {
    case 'answer':
      return batch.map((item, index) =>
        fateOf(item, outcome.answer.verdicts[index] ?? 'retry:unnamed', circumstances),
      )
    case 'busy':
      return again(batch, circumstances)
    case 'refused':
      return refused(batch, outcome.status)
    case 'unknown':
      return failed(batch, circumstances)
  }
}

function fateOf(item: Held, verdict: Answer['verdicts'][number], at: Circumstances): Fate {
  if (verdict === 'done' || verdict === 'duplicate') return { kind: verdict }
  if (verdict.startsWith('dead:')) return { kind: 'dead', reason: verdict.slice(5) }
  // It was answered: whatever made earlier calls fail, it was not this item.
  Object.assign(item, { limit: BATCH_ITEMS, failures: 0, alone: 0 })
  item.tries += 1
  return { kind: 'again', delayMs: backOff(item.tries, at.random) }
}

// One delay for all: what travelled together comes again together.
function again(batch: readonly Held[], { random }: Circumstances): Fate[] {
  for (const item of batch) item.tries += 1
  const delayMs = backOff(Math.max(...batch.map((item) => item.tries)), random)
  return batch.map(() => ({ kind: 'again', delayMs }))
}

function refused(batch: readonly Held[], status: number): Fate[] {
  if (batch.length === 1) return [{ kind: 'dead', reason: `http_${status}` }]
  halve(batch)
  return batch.map(() => ({ kind: 'again', delayMs: 0 }))
}

function failed(batch: readonly Held[], circumstances: Circumstances): Fate[] {
  const { now, succeededAt } = circumstances
  for (const item of batch) item.failures += 1
  const [item] = batch
  if (batch.length === 1 && item !== undefined) {
    item.alone += 1
    if (item.alone === 1) item.aloneSince = now
    if (item.failures >= FAILURES_TO_HALVE) item.limit = 1
    const enough = item.alone >= FAILURES_TO_POISON && now - item.aloneSince >= POISON_MS
    // When every call fails, the fault is not the item's.
    if (enough && succeededAt > item.aloneSince) return [{ kind: 'dead', reason: 'poison' }]
  } else if (batch.some((each) => each.failures >= FAILURES_TO_HALVE)) halve(batch)
  return again(batch, circumstances)
}

function halve(batch: readonly Held[]): void {
  const limit = Math.ceil(batch.length / 2)
  for (const item of batch) Object.assign(item, { limit, failures: 0 })
}
