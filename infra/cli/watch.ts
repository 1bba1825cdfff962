import { setTimeout as sleep } from 'node:timers/promises'
import { followEvents } from './api/event-stream.ts'
import { ApiError } from './api/problem.ts'
import type { Session } from './session.ts'

const CLEAR = '\u001b[H\u001b[2J'
/** Between two redraws, however many events come. */
const LEAST_MS = 1_000
/** Without an event: relative times grow old. */
const MOST_MS = 10_000
const POLL_MS = 2_000

export const EVENTS_PATH = '/api/v1/events'

/** Where to begin: after what has happened until now. */
export async function newestEvent(session: Session): Promise<string | undefined> {
  const { items } = await (await session.api()).page('events', { limit: 1 })
  const id = items[0]?.['id']
  return typeof id === 'string' ? id : undefined
}

const pending = () => new Promise<never>(() => undefined)

/**
 * Draws again when an event of these kinds comes (`device`: also `device.…`), until it says that it is done. Without kinds, what is drawn has no events: it is
 * asked for now and then.
 */
export async function watch(
  session: Session,
  kinds: readonly string[],
  draw: () => Promise<boolean>,
): Promise<void> {
  const transport = await session.transport()
  const stop = new AbortController()
  const signal = AbortSignal.any([session.signal, stop.signal])
  let wake: (() => void) | undefined
  const listen = async (): Promise<void> => {
    const events = followEvents(transport, EVENTS_PATH, signal, await newestEvent(session))
    for await (const { kind } of events) {
      if (kinds.some((each) => kind === each || kind.startsWith(`${each}.`))) wake?.()
    }
  }
  let most = kinds.length === 0 ? POLL_MS : MOST_MS
  // Who may not read events still watches, by asking now and then.
  const listening = (kinds.length === 0 ? pending() : listen()).catch((error: unknown) => {
    if (!(error instanceof ApiError)) throw error
    most = POLL_MS
    wake?.()
    return new Promise<never>(() => undefined)
  })
  listening.catch(() => undefined)
  try {
    for (;;) {
      const woken = new Promise<void>((resolve) => (wake = resolve))
      if (session.out.isTTY) session.out.write(CLEAR)
      if (await draw()) return
      const old = sleep(most, undefined, { signal })
      const due = Promise.all([Promise.race([woken, old]), sleep(LEAST_MS, undefined, { signal })])
      await Promise.race([due, listening])
    }
  } finally {
    stop.abort()
  }
}
