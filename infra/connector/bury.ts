import { setTimeout as sleep } from 'node:timers/promises'
import type { Db } from '../../shared/db/database.ts'
import { backOff } from './back-off.ts'
import type { Log } from './log.ts'
import { insertDeadLetters } from './queries.ts'

export interface DeadLetter {
  readonly deviceId: string | null
  readonly topic: string
  readonly payload: Buffer
  readonly delivery: string
  readonly reason: string
}

/** Stores dead letters; tries until it is done or the connection is lost, since only then they may be acknowledged. */
export async function bury(
  { db, log }: { readonly db: Db; readonly log: Log },
  slot: number,
  letters: readonly DeadLetter[],
  signal: AbortSignal,
): Promise<boolean> {
  for (let tries = 1; !signal.aborted; tries++) {
    try {
      await db.rows(insertDeadLetters, [
        slot,
        letters.map((letter) => letter.deviceId),
        // A text of PostgreSQL holds no NUL.
        letters.map((letter) => letter.topic.replaceAll('\0', '\ufffd')),
        letters.map((letter) => letter.payload),
        letters.map((letter) => letter.delivery),
        letters.map((letter) => letter.reason),
      ])
      return true
    } catch (error) {
      log.error({ err: error, slot, letters: letters.length }, 'dead letters not stored')
      await sleep(backOff(tries), undefined, { signal }).catch(() => undefined)
    }
  }
  return false
}
