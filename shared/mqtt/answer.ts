// Gathers the frames of an answer within its 8 MiB.
import { ANSWER_BYTES, frameBytes, type Answer, type Frame, type Verdict } from './delivery.ts'

const HEAD_BYTES = 64 * 1024

export type ItemFrame = Omit<Frame, 'item' | 'qos' | 'retain'> &
  Partial<Pick<Frame, 'qos' | 'retain'>>

/** An answer under construction. */
export interface AnswerDraft {
  /** Adds all frames of an item, or none when they do not fit. */
  add(item: number, frames: readonly ItemFrame[]): boolean
  /** Nothing was added yet. */
  readonly empty: boolean
  /** The answer: rows of the outbox are named only when nothing was left out. */
  answer(verdicts: readonly Verdict[], outbox: readonly string[], complete: boolean): Answer
}

export function draftAnswer(): AnswerDraft {
  const frames: Frame[] = []
  let room = ANSWER_BYTES - HEAD_BYTES
  return {
    get empty() {
      return frames.length === 0
    },
    add: (item, given) => {
      const made = given.map((frame) => ({ qos: 1 as const, retain: false, ...frame, item }))
      const bytes = made.reduce((sum, frame) => sum + frameBytes(frame), 0)
      if (bytes > room) return false
      room -= bytes
      frames.push(...made)
      return true
    },
    answer: (verdicts, outbox, complete) => ({
      verdicts,
      outbox: complete ? [...outbox] : [],
      more: !complete,
      frames,
    }),
  }
}
