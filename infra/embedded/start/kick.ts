import { setTimeout as sleep } from 'node:timers/promises'
import { listenForHints } from '../../broker/hints.ts'
import type { Database } from '../../../shared/db/database.ts'
import type { Logger } from '../../../shared/log.ts'
import type { EmbeddedBroker } from '../broker.ts'
import { readBarredConnections } from './queries.ts'

const OVERLAP_MS = 7 * 86_400_000
const POLL_MS = 5_000
// One that was just being let in when its certificate was revoked is seen by then.
const AGAIN_MS = 1_000

interface KickDeps {
  /** As role `broker-agent`. */
  readonly db: Database
  readonly directUrl: string
  readonly broker: EmbeddedBroker
  readonly log: Logger
}

/** Ends connections of devices that were revoked, suspended or removed, or whose certificate was replaced: at once on a hint, else within five seconds. */
export function kickBarred({ db, directUrl, broker, log }: KickDeps): {
  close(): Promise<void>
} {
  const stop = new AbortController()
  const look = async (only?: string): Promise<void> => {
    const devices = broker.devices().filter(({ id }) => only === undefined || id === only)
    if (devices.length === 0) return
    const ids = devices.map(({ id }) => id)
    const serials = devices.map(({ serial }) => serial)
    const overlapFrom = new Date(Date.now() - OVERLAP_MS)
    for (const row of await db.rows(readBarredConnections, [ids, serials, overlapFrom])) {
      broker.kick(row.device_id)
      log.info({ device: row.device_id }, 'thrown off')
    }
  }
  const failed = (error: unknown): void => {
    if (!stop.signal.aborted) log.warn({ err: error }, 'connections not judged')
  }
  const twice = async (only?: string): Promise<void> => {
    await look(only)
    await sleep(AGAIN_MS, undefined, { signal: stop.signal })
    await look(only)
  }
  const timer = setInterval(() => void look().catch(failed), POLL_MS)
  const hints = listenForHints(directUrl, {
    onCrl: () => void twice().catch(failed),
    onDevice: (id) => void twice(id).catch(failed),
  })
  return {
    close: async () => {
      stop.abort()
      clearInterval(timer)
      await hints.close()
    },
  }
}
