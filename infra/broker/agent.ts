import { setTimeout as sleep } from 'node:timers/promises'
import type { Database } from '../../shared/db/database.ts'
import type { DatabaseUrl } from '../../shared/db/servers.ts'
import { nextCrlFile } from './crl-file.ts'
import { listenForHints } from './hints.ts'
import { kickAll, type BrokerAccess } from './kick.ts'
import { deviceAcl, serviceAcl } from './mosquitto.ts'
import {
  markAgent,
  readBarred,
  readBrokerCrls,
  readCrlNumbers,
  readOperatorTopics,
  readOwners,
  readSuspended,
} from './queries.ts'
import { readIfThere, replaceFile } from './replace-file.ts'
import { watchConnections } from './watch.ts'

export interface AgentLog {
  info(fields: object, text: string): void
  warn(fields: object, text: string): void
  error(fields: object, text: string): void
}

export interface AgentOptions {
  readonly db: Database
  /** A direct connection, where NOTIFY is heard; without it polls alone serve. */
  readonly directUrl?: DatabaseUrl | undefined
  readonly broker: BrokerAccess
  /** Name of the broker, where there are several. */
  readonly cell?: string
  readonly files: { readonly crl: string; readonly deviceAcl: string; readonly serviceAcl: string }
  /** Makes the broker read CRL and rights again: SIGHUP. */
  readonly reload: () => Promise<void>
  readonly log: AgentLog
  readonly now?: () => Date
}

export interface Agent {
  /** Looks at everything once; what it finds wrong is in the log and in health. */
  readonly look: () => Promise<void>
  readonly close: () => Promise<void>
}

const POLL_MS = 500
const MARK_MS = 15_000
const LONG_MS = 500
const SETTLED_MS = 150
const KICK_AGAIN_MS = 1_000
const GATHER_MS = 30
/** A change becomes visible when its transaction commits, some time after the moment it names. */
const OVERLAP_MS = 5_000

/**
 * Keeps the broker in step with the registry: installs each new CRL that passes its checks, throws off whoever was revoked or suspended, at once and again
 * after a second, and again whenever a suspended device connects. The last good CRL stays, whatever comes.
 */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const agent = new BrokerAgent(options)
  await agent.begin()
  return agent
}

const LEAST_RELOAD_MS = 200
const MOST_RELOAD_MS = 1_000
const FULL_CRL_BYTES = 6_600_000

/** With a CRL of 100,000 entries the broker stands still for 0.2 s each time it reads it: then once a second, a small one more often. */
function reloadInterval(crlBytes: number): number {
  const share = (crlBytes / FULL_CRL_BYTES) * MOST_RELOAD_MS
  return Math.min(MOST_RELOAD_MS, Math.max(LEAST_RELOAD_MS, share))
}

class BrokerAgent implements Agent {
  readonly #options: AgentOptions
  readonly #stop = new AbortController()
  readonly #suspended = new Map<string, number>()
  readonly #arrived = new Set<string>()
  #numbers = ''
  #problem: string | null = null
  #reloadedAt = 0
  #reloadMs = LEAST_RELOAD_MS
  #markedAt = 0
  #since: Date
  #looking: Promise<void> | undefined
  #again = false
  #running: Promise<void> | undefined
  #gathering: NodeJS.Timeout | undefined
  #closers: (() => Promise<void>)[] = []
  #connected: () => boolean = () => false

  constructor(options: AgentOptions) {
    this.#options = options
    this.#since = new Date(0)
  }

  async begin(): Promise<void> {
    const { broker, directUrl } = this.#options
    await this.look()
    const watch = watchConnections(broker, (id) => this.#arrive(id))
    this.#connected = watch.connected
    const hints = listenForHints(directUrl, {
      onCrl: () => void this.look(),
      onDevice: (id) => this.#arrive(id),
    })
    this.#closers = [watch.close, hints.close]
    this.#running = this.#poll()
  }

  /** One at a time; asked while one is under way, once more after it. */
  async look(): Promise<void> {
    if (this.#looking) {
      this.#again = true
      return this.#looking
    }
    this.#looking = this.#lookAll().finally(() => (this.#looking = undefined))
    await this.#looking
    if (!this.#again) return undefined
    this.#again = false
    return this.look()
  }

  async close(): Promise<void> {
    this.#stop.abort()
    clearTimeout(this.#gathering)
    await Promise.all(this.#closers.map((close) => close()))
    await this.#running
    await this.#looking
  }

  get #now(): Date {
    return this.#options.now?.() ?? new Date()
  }

  async #poll(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      await sleep(POLL_MS, undefined, { signal }).catch(() => undefined)
      if (!signal.aborted) await this.look()
    }
  }

  async #lookAll(): Promise<void> {
    const faults: string[] = []
    for (const part of [() => this.#rights(), () => this.#crl(), () => this.#statuses()]) {
      try {
        await part()
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error)
        if (text !== this.#problem) this.#options.log.error({ err: error }, 'broker agent')
        faults.push(text)
      }
    }
    this.#problem = faults[0] ?? null
    await this.#mark()
  }

  async #mark(): Promise<void> {
    const now = this.#now
    if (now.getTime() - this.#markedAt < MARK_MS) return
    this.#markedAt = now.getTime()
    const { cell } = this.#options
    const name = cell === undefined ? 'broker-agent' : `broker-agent:${cell}`
    const problem = this.#problem ?? (this.#connected() ? null : 'not connected to the broker')
    await this.#options.db.rows(markAgent, [name, now, problem]).catch(() => undefined)
  }

  async #rights(): Promise<void> {
    const { db, files } = this.#options
    const topics = await db.rows(readOperatorTopics, [])
    const wanted = [
      [files.deviceAcl, deviceAcl(topics)],
      [files.serviceAcl, serviceAcl(topics)],
    ] as const
    let changed = false
    for (const [file, text] of wanted) {
      if ((await readIfThere(file)) === text) continue
      await replaceFile(file, text)
      changed = true
    }
    if (changed) await this.#reload()
  }

  async #crl(): Promise<void> {
    const { db, files, log } = this.#options
    const numbers = JSON.stringify(
      (await db.rows(readCrlNumbers, [])).map((row) => [row.issuer_id, String(row.number)]),
    )
    if (numbers === this.#numbers) return
    const before = await readIfThere(files.crl)
    const next = nextCrlFile(before, await db.rows(readBrokerCrls, []), this.#now)
    const serials = next.added.map((serial) => Buffer.from(serial, 'hex'))
    const owners = serials.length === 0 ? [] : await db.rows(readOwners, [serials])
    const revoked = owners.map(({ device_id }) => device_id)
    if (next.pem !== before) {
      await replaceFile(files.crl, next.pem)
      this.#reloadMs = reloadInterval(next.pem.length)
      // Off in time, also while the broker may not be told for long; whoever comes back meanwhile is seen arriving.
      if (this.#mustWait > LONG_MS) await kickAll(this.#options.broker, revoked)
      await this.#reload()
      log.info({ revoked: revoked.length }, 'CRL installed')
    }
    this.#numbers = numbers
    this.#kick(revoked)
  }

  async #statuses(): Promise<void> {
    const { db } = this.#options
    const since = new Date(this.#since.getTime() - OVERLAP_MS)
    const rows = await db.rows(readSuspended, [since])
    const fresh = rows.filter(
      (row) => this.#suspended.get(row.device_id) !== row.updated_at.getTime(),
    )
    for (const { device_id, updated_at } of rows) {
      this.#suspended.set(device_id, updated_at.getTime())
      if (updated_at > this.#since) this.#since = updated_at
    }
    for (const [id, at] of this.#suspended) {
      if (at < this.#since.getTime() - 2 * OVERLAP_MS) this.#suspended.delete(id)
    }
    this.#kick(fresh.map(({ device_id }) => device_id))
  }

  get #mustWait(): number {
    return Math.max(0, this.#reloadedAt + this.#reloadMs - Date.now())
  }

  async #reload(): Promise<void> {
    const wait = this.#mustWait
    if (wait > 0) await sleep(wait, undefined, { signal: this.#stop.signal })
    await this.#options.reload()
    this.#reloadedAt = Date.now()
    // Mosquitto looks at the signal between two waits of 100 ms: thrown off before, a device could come back once.
    await sleep(SETTLED_MS, undefined, { signal: this.#stop.signal })
  }

  // At once, and again after a second: the broker may have let one back in before it had read the CRL.
  #kick(deviceIds: readonly string[]): void {
    if (deviceIds.length === 0) return
    const kick = async (): Promise<void> => {
      const failed = await kickAll(this.#options.broker, deviceIds)
      if (failed.length > 0) this.#options.log.warn({ devices: failed.length }, 'not thrown off')
    }
    const twice = async (): Promise<void> => {
      await kick()
      await sleep(KICK_AGAIN_MS, undefined, { signal: this.#stop.signal })
      await kick()
    }
    twice().catch(() => undefined)
  }

  #arrive(id: string): void {
    this.#arrived.add(id)
    this.#gathering ??= setTimeout(() => void this.#judge(), GATHER_MS)
  }

  async #judge(): Promise<void> {
    this.#gathering = undefined
    const ids = [...this.#arrived].toSorted()
    this.#arrived.clear()
    try {
      const barred = await this.#options.db.rows(readBarred, [ids, this.#now])
      if (barred.length === 0) return
      await kickAll(
        this.#options.broker,
        barred.map(({ device_id }) => device_id),
      )
    } catch (error) {
      this.#options.log.error({ err: error }, 'arrivals could not be judged')
    }
  }
}
