import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { connectionConfig } from '../../shared/db/database.ts'
import { openServers, type DatabaseUrl } from '../../shared/db/servers.ts'
import type { Log } from './log.ts'

const AGAIN_MS = 2000

export interface Hints {
  /** A slot has new rows. */
  readonly onOutbox: (slot: number) => void
  /** A function is to be called by its schedule, now. */
  readonly onKick: (functionName: string) => void
}

/**
 * Listens on a direct connection (behind a pooler NOTIFY is not heard). Hints only hasten: whatever is lost here is found by the
 * next poll or the schedule.
 */
export function listenForHints(
  url: DatabaseUrl | undefined,
  log: Log,
  hints: Hints,
): { close(): Promise<void> } {
  if (url === undefined) return { close: () => Promise.resolve() }
  const stop = new AbortController()
  const servers = openServers(url)
  let client: Client | undefined
  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const current = servers.current()
      try {
        client = new Client(connectionConfig({ url, name: 'muster connector hints' }, servers))
        await listen(client, hints, stop.signal)
      } catch (error) {
        log.warn({ err: error }, 'no hints')
        servers.leave(current)
      }
      await client?.end().catch(() => undefined)
      await sleep(AGAIN_MS, undefined, { signal: stop.signal }).catch(() => undefined)
    }
  }
  const running = run()
  return {
    close: async () => {
      stop.abort()
      await running
    },
  }
}

/** Returns when the connection is lost. */
async function listen(client: Client, hints: Hints, signal: AbortSignal): Promise<void> {
  const { promise: lost, resolve } = Promise.withResolvers<void>()
  client.on('error', () => resolve())
  client.on('end', () => resolve())
  signal.addEventListener('abort', () => resolve(), { once: true })
  client.on('notification', ({ channel, payload = '' }) => {
    if (channel === 'outbox' && /^\d{1,5}$/.test(payload)) hints.onOutbox(Number(payload))
    if (channel === 'kick') hints.onKick(payload)
  })
  await client.connect()
  await client.query('listen outbox; listen kick')
  await lost
}
