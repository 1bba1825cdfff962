import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { connectionConfig } from '../../shared/db/database.ts'
import { openServers, type DatabaseUrl } from '../../shared/db/servers.ts'

const AGAIN_MS = 2_000

export interface Hints {
  /** A CRL was published. */
  readonly onCrl: () => void
  /** A device's status changed. */
  readonly onDevice: (id: string) => void
}

/** Listens on a direct connection; what is lost here is found by the next poll. */
export function listenForHints(
  url: DatabaseUrl | undefined,
  hints: Hints,
): { close: () => Promise<void> } {
  if (url === undefined) return { close: () => Promise.resolve() }
  const stop = new AbortController()
  const servers = openServers(url)
  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const current = servers.current()
      const client = new Client(
        connectionConfig({ url, name: 'muster broker agent hints' }, servers),
      )
      await listen(client, hints, stop.signal).catch(() => servers.leave(current))
      await client.end().catch(() => undefined)
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
    if (channel === 'crl') hints.onCrl()
    if (channel === 'device') hints.onDevice(payload)
  })
  await client.connect()
  await client.query('listen crl; listen device')
  await lost
}
