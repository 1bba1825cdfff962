import type { Db } from '../db/database.ts'
import { notifySlots } from './enqueue-queries.ts'

/** The channel of hints; the payload is the slot. The connector that hears one polls at once. */
export const OUTBOX_CHANNEL = 'outbox'

const WINDOW_MS = 50

interface Hints {
  readonly waiting: Set<string>
  timer?: NodeJS.Timeout
}

// One pool is one instance of a function.
const instances = new WeakMap<Db, Hints>()

/**
 * Hints that these slots have new rows: call it after the commit. At most one statement each 50 ms, since NOTIFY serialises commits
 * (11,953 to 3,131 a second where each write notified). A lost hint costs one poll of 250 ms, so it is never awaited and its failure is nobody's.
 */
export function notifyOutbox(db: Db, slots: Iterable<number>): void {
  const hints: Hints = instances.get(db) ?? { waiting: new Set() }
  instances.set(db, hints)
  for (const slot of slots) hints.waiting.add(String(slot))
  if (hints.timer === undefined && hints.waiting.size > 0) send(db, hints)
}

function send(db: Db, hints: Hints): void {
  const slots = [...hints.waiting].toSorted()
  hints.waiting.clear()
  db.rows(notifySlots, [slots]).catch(() => undefined)
  hints.timer = setTimeout(() => {
    delete hints.timer
    if (hints.waiting.size > 0) send(db, hints)
  }, WINDOW_MS)
  hints.timer.unref()
}
