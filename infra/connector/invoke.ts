import { ANSWER_TYPE, BATCH_TYPE, decodeAnswer, joinBatch } from '../../shared/mqtt/delivery.ts'
import type { CallAnswer, Caller } from './caller.ts'
import type { Outcome } from './outcome.ts'

/** A statement has 5 s, a function 10 s, checked before it writes; whoever waits longer waits for nothing. */
export const CALL_DEADLINE_MS = 15_000

// Refusals that speak of the way, not of what was sent: no such function, wrong keys, a gateway that is still starting.
// Were they taken for the items' fault, a wrong key would make dead letters of all that devices say.
const OF_THE_WAY = new Set([401, 403, 404, 405, 407, 408, 421, 425])

export interface Invocation {
  readonly functionName: string
  readonly events: readonly string[]
  readonly deadlineMs: number
  readonly signal: AbortSignal
}

/** Calls a function with a batch and says what came of it; never throws. */
export async function invoke(caller: Caller, invocation: Invocation): Promise<Outcome> {
  const { functionName, events, deadlineMs, signal } = invocation
  try {
    const answer = await caller.call({
      functionName,
      target: '/mqtt',
      body: joinBatch(events),
      contentType: BATCH_TYPE,
      items: events.length,
      deadlineMs,
      signal,
    })
    return outcomeOf(answer, events.length)
  } catch (error) {
    return { kind: 'unknown', why: error instanceof Error ? error.message : String(error) }
  }
}

export function outcomeOf({ status, type, body }: CallAnswer, items: number): Outcome {
  if (status === 200) {
    if (type.split(';', 1)[0] !== ANSWER_TYPE) return { kind: 'unknown', why: 'not an answer' }
    return { kind: 'answer', answer: decodeAnswer(body, items) }
  }
  if (status === 429) return { kind: 'busy' }
  if (status >= 400 && status < 500 && !OF_THE_WAY.has(status)) return { kind: 'refused', status }
  return { kind: 'unknown', why: `status ${status}` }
}
