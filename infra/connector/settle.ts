import type { Answer } from '../../shared/mqtt/delivery.ts'
import type { Held } from './held.ts'
import type { Fate } from './outcome.ts'
import type { Step } from './publisher.ts'

/** What becomes of a lane after a call. */
export interface LaneResult {
  readonly lane: string
  /** Goes back to the lane's front, in order. */
  readonly again: Held[]
  readonly dead: { readonly item: Held; readonly reason: string }[]
  /** Items that the lane is rid of. */
  finished: number
  delayMs: number
  /** The outbox is to be read for the device before the lane goes on. */
  ask: boolean
}

/** Sorts a batch's fates by lane. */
export function laneResults(
  batch: readonly Held[],
  fates: readonly Fate[],
  askAll: boolean,
): LaneResult[] {
  const lanes = new Map<string, LaneResult>()
  for (const [index, item] of batch.entries()) {
    const fate = fates[index]
    const lane = lanes.get(item.lane) ?? emptyResult(item.lane, askAll)
    lanes.set(item.lane, lane)
    if (fate === undefined) continue
    if (fate.kind === 'again') {
      lane.again.push(item)
      lane.delayMs = Math.max(lane.delayMs, fate.delayMs)
    } else {
      lane.finished += 1
      if (fate.kind === 'dead') lane.dead.push({ item, reason: fate.reason })
      if (fate.kind === 'duplicate') lane.ask = true
    }
  }
  return [...lanes.values()]
}

const emptyResult = (lane: string, ask: boolean): LaneResult => ({
  lane,
  again: [],
  dead: [],
  finished: 0,
  delayMs: 0,
  ask,
})

/**
 * What an answer makes the connector write: all frames in their order, each item's PUBACK after the last of its frames. PUBACKs
 * of dead letters come later, once they are stored.
 */
export function stepsOf(
  batch: readonly Held[],
  fates: readonly Fate[],
  frames: Answer['frames'],
  done: (code: number) => void,
): Step[] {
  const last = new Map<number, number>()
  for (const [at, { item }] of frames.entries()) last.set(item, at)
  const steps: Step[] = []
  const acknowledge = (index: number) => {
    const kind = fates[index]?.kind
    if (kind !== 'done' && kind !== 'duplicate') return
    for (const packet of batch[index]?.acks ?? []) steps.push({ acknowledge: packet })
  }
  for (const index of batch.keys()) if (!last.has(index)) acknowledge(index)
  for (const [at, frame] of frames.entries()) {
    steps.push({ frame, done })
    if (last.get(frame.item) === at) acknowledge(frame.item)
  }
  return steps
}
