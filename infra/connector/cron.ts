import type { Database } from '../../shared/db/database.ts'
import type { Caller } from './caller.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import {
  claimTick,
  finishTick,
  freeTicks,
  insertSchedules,
  postponeTick,
  renewTick,
} from './queries.ts'
import type { ScheduleTrigger } from './triggers.ts'

const CALL_MS = 100_000
// The lease of ten seconds is renewed while the call is under way: after kill -9 another goes on soon, whatever a call may take.
const RENEW_MS = 3000
const AGAIN_SECONDS = 1
const BETWEEN_MS = 250

export interface CronDeps {
  readonly db: Database
  readonly caller: Caller
  readonly metrics: Metrics
  readonly log: Log
  readonly now: () => number
  readonly holder: string
  /** No other connector serves these schedules: leases that are found at the start belong to nobody. */
  readonly alone?: boolean
}

interface Entry extends ScheduleTrigger {
  timer?: NodeJS.Timeout
  busy: boolean
  kicked: boolean
}

/**
 * Calls functions by their schedules. A tick is claimed as a leased row, so that of all connectors one calls; functions are
 * idempotent by tick, since a call whose answer was lost is made again. Of missed ticks only the latest counts.
 */
export class Cron {
  readonly #deps: CronDeps
  readonly #entries: Map<string, Entry>
  readonly #calls = new Set<Promise<void>>()
  readonly #abort = new AbortController()
  #stopping = false

  constructor(deps: CronDeps, triggers: readonly ScheduleTrigger[]) {
    this.#deps = deps
    this.#entries = new Map(
      triggers.map((each) => [each.functionName, { ...each, busy: false, kicked: false }]),
    )
  }

  async start(): Promise<void> {
    const { alone = false, db } = this.#deps
    const names = [...this.#entries.keys()].toSorted()
    await db.rows(insertSchedules, [names])
    if (alone) await db.rows(freeTicks, [names])
    for (const entry of this.#entries.values())
      this.#at(entry, entry.schedule.last(this.#deps.now()))
  }

  /** A hint that there is work: claims a tick of now. */
  kick(functionName: string): void {
    const entry = this.#entries.get(functionName)
    if (entry === undefined || this.#stopping) return
    if (entry.busy) entry.kicked = true
    else this.#at(entry, this.#deps.now())
  }

  /** Waits for the calls under way, at most `graceMs`; what is broken off then is called again by another. */
  async close(graceMs: number): Promise<void> {
    this.#stopping = true
    for (const { timer } of this.#entries.values()) clearTimeout(timer)
    const cut = setTimeout(() => this.#abort.abort(), graceMs)
    await Promise.all(this.#calls)
    clearTimeout(cut)
  }

  #at(entry: Entry, tick: number): void {
    if (this.#stopping) return
    clearTimeout(entry.timer)
    entry.busy = true
    const call = this.#run(entry, new Date(tick))
    this.#calls.add(call)
    void call.finally(() => this.#calls.delete(call))
  }

  async #run(entry: Entry, tick: Date): Promise<void> {
    const again = await this.#tick(entry.functionName, tick)
    entry.busy = false
    this.#schedule(entry, again)
  }

  #schedule(entry: Entry, again: boolean): void {
    if (this.#stopping) return
    const now = this.#deps.now()
    if (entry.kicked) {
      entry.kicked = false
      entry.timer = setTimeout(() => this.#at(entry, this.#deps.now()), BETWEEN_MS)
      return
    }
    const next = entry.schedule.next(now)
    this.#await(entry, again ? Math.min(next, now + AGAIN_SECONDS * 1000 + 50) : next)
  }

  /** Runs at `due` and not before: a timer that ends a moment early would find the tick before, and miss this one. */
  #await(entry: Entry, due: number): void {
    if (this.#stopping) return
    const now = this.#deps.now()
    if (now >= due) return this.#at(entry, entry.schedule.last(now))
    // Timers end at 2^31 ms; a longer way is gone in stages.
    entry.timer = setTimeout(() => this.#await(entry, due), Math.min(due - now, 3_600_000))
  }

  /** Claims and calls; true when it should be tried again before the next instant. */
  async #tick(functionName: string, tick: Date): Promise<boolean> {
    const { db, holder, log, metrics } = this.#deps
    try {
      if ((await db.row(claimTick, [functionName, tick, holder])) === undefined) return false
      const ok = await this.#held(functionName, tick)
      metrics.ticks.inc({ function: functionName, outcome: ok ? 'ok' : 'failed' })
      if (ok) await db.rows(finishTick, [functionName, tick, holder])
      else await this.#postpone(functionName, tick)
      return !ok
    } catch (error) {
      metrics.ticks.inc({ function: functionName, outcome: 'unknown' })
      log.warn({ function: functionName, tick, err: error }, 'tick')
      // Nobody was reached, so nobody is at work; in all other cases somebody may be, until the lease ends.
      if (isRefused(error)) await this.#postpone(functionName, tick)
      return true
    }
  }

  async #held(functionName: string, tick: Date): Promise<boolean> {
    const { db, holder } = this.#deps
    // A renewal that fails leaves the lease as it was; the next tries again.
    const renew = () => void db.rows(renewTick, [functionName, tick, holder]).catch(() => undefined)
    const timer = setInterval(renew, RENEW_MS)
    try {
      return await this.#call(functionName, tick)
    } finally {
      clearInterval(timer)
    }
  }

  async #postpone(functionName: string, tick: Date): Promise<void> {
    const { db, holder } = this.#deps
    await db.rows(postponeTick, [functionName, tick, holder, AGAIN_SECONDS]).catch(() => [])
  }

  async #call(functionName: string, tick: Date): Promise<boolean> {
    const { caller, log } = this.#deps
    const { signal } = this.#abort
    const target = `/cron?tick=${tick.getTime()}`
    const { status } = await caller.call({ functionName, target, deadlineMs: CALL_MS, signal })
    if (status >= 200 && status < 300) return true
    log.warn({ function: functionName, tick, status }, 'tick')
    return false
  }
}

const isRefused = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED'
