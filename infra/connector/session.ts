import { setTimeout as sleep } from 'node:timers/promises'
import type { Database } from '../../shared/db/database.ts'
import { BATCH_ITEMS, type Answer } from '../../shared/mqtt/delivery.ts'
import { deviceId } from '../../shared/device-id.ts'
import type { SlotClass } from '../../shared/mqtt/topics.ts'
import { Bells } from './bells.ts'
import { bury } from './bury.ts'
import type { Caller } from './caller.ts'
import { Company } from './company.ts'
import { bellPayload, eventOf, hold, type Held } from './held.ts'
import { laneBound, sortMessage } from './intake.ts'
import { Delivery } from './delivery.ts'
import { CALL_DEADLINE_MS, invoke } from './invoke.ts'
import { Lanes } from './lanes.ts'
import type { Link } from './link.ts'
import type { Publication } from './packet-reader.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import { judge, type Fate, type Outcome } from './outcome.ts'
import { OutboxReader } from './outbox.ts'
import { Publisher, type Step } from './publisher.ts'
import { laneResults, type LaneResult } from './settle.ts'
import type { TopicTrigger } from './triggers.ts'
import type { Windows } from './windows.ts'

export interface SessionDeps {
  readonly db: Database
  readonly caller: Caller
  readonly windows: Windows
  readonly metrics: Metrics
  readonly log: Log
  readonly now: () => number
  readonly callDeadlineMs?: number
}

export interface SessionIdentity {
  readonly slot: number
  readonly slotClass: SlotClass
  readonly epoch: bigint
  readonly triggers: readonly TopicTrigger[]
}

const BELL_FUNCTION = 'compute-delta'
const POLL_MS = 250
const SWEEP_MS = 50

/**
 * Everything that belongs to one connection. When the connection is lost all of it is dropped: what was held comes again from the
 * broker, answers of abandoned calls are neither published nor acknowledged.
 */
export class Session {
  readonly identity: SessionIdentity
  readonly lanes = new Lanes()
  readonly bells: Bells
  readonly publisher: Publisher
  readonly outbox: OutboxReader
  readonly #deps: SessionDeps
  readonly #functions: readonly string[]
  readonly #company = new Company()
  readonly #abort = new AbortController()
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #calls = new Set<Promise<void>>()
  #deliveries: bigint
  #stopping = false
  #pumping = false
  #polling = false
  #pollAgain = false

  constructor(deps: SessionDeps, identity: SessionIdentity, link: Link) {
    this.#deps = deps
    this.identity = identity
    this.#deliveries = identity.epoch << 40n
    const { slot, epoch, triggers } = identity
    this.#functions = [...new Set([BELL_FUNCTION, ...triggers.map((each) => each.functionName)])]
    this.publisher = new Publisher(link, () => this.wake())
    this.bells = new Bells({
      lanes: this.lanes,
      nextDelivery: () => this.#nextDelivery(),
      now: deps.now,
      later: (work, ms) => this.later(work, ms),
      wake: () => this.wake(),
    })
    this.outbox = new OutboxReader({
      db: deps.db,
      slot,
      epoch,
      ring: (id, row, first) => this.bells.ringFor(id, row, first),
      now: deps.now,
    })
  }

  /** Begins to read the outbox; messages are taken from the first moment. */
  start(): void {
    this.#every(POLL_MS, () => this.poll())
    this.#every(SWEEP_MS, () => this.outbox.sweep())
  }

  /** The connection is lost. */
  end(): void {
    this.#abort.abort()
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    this.#deps.windows.leave(this)
  }

  get ended(): boolean {
    return this.#abort.signal.aborted
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** No new calls; returns when those under way are answered, published and their rows deleted, at the latest after `ms`. */
  async drain(ms: number): Promise<void> {
    this.#stopping = true
    const until = this.#deps.now() + ms
    while (!this.ended && this.#deps.now() < until) {
      if (this.#calls.size === 0 && this.publisher.idle) break
      await sleep(10)
    }
    if (!this.ended && this.outbox.sweepable) await this.outbox.sweep().catch(() => undefined)
  }

  receive(message: Publication): void {
    const { metrics } = this.#deps
    const { slotClass, triggers } = this.identity
    const intake = sortMessage(message, triggers)
    const label = { class: slotClass }
    switch (intake.kind) {
      case 'item':
        metrics.received.inc(label)
        this.#accept(message, intake)
        return
      case 'subscribed':
        this.bells.ringForSubscription(intake.deviceId, intake.filter, message.packet)
        return
      case 'ignored':
        this.#acknowledge(message.packet)
        return
      case 'retained':
        metrics.ignored.inc({ ...label, why: 'retained' })
        this.#clear(message)
        return
      case 'dead':
        this.#reject(message, intake.reason)
    }
  }

  wake(): void {
    if (this.#pumping || this.ended) return
    this.#pumping = true
    setImmediate(() => {
      this.#pumping = false
      this.#pump()
    })
  }

  /** Reads the outbox now; a second wish while that goes on is granted afterwards. */
  async poll(): Promise<void> {
    if (this.#stopping || this.ended) return
    if (this.#polling) {
      this.#pollAgain = true
      return
    }
    this.#polling = true
    try {
      do {
        this.#pollAgain = false
        if (await this.outbox.poll()) this.#pollAgain = true
      } while (this.#pollAgain && !this.ended)
    } finally {
      this.#polling = false
    }
  }

  later(work: () => void, ms: number): void {
    if (this.ended) return
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      if (!this.ended) work()
    }, ms)
    this.#timers.add(timer)
  }

  publish(frame: Omit<Answer['frames'][number], 'item'>): void {
    this.publisher.push([{ frame, done: () => undefined }])
  }

  #every(ms: number, work: () => Promise<void>): void {
    this.later(() => {
      work()
        .catch((error: unknown) => this.#deps.log.warn({ err: error, ...this.#place() }, 'outbox'))
        .finally(() => {
          if (!this.ended) this.#every(ms, work)
        })
    }, ms)
  }

  #place() {
    return { slot: this.identity.slot, class: this.identity.slotClass }
  }

  #nextDelivery(): string {
    this.#deliveries += 1n
    return String(this.#deliveries)
  }

  #accept(message: Publication, intake: { lane: string; functionName: string; over?: 413 }): void {
    const { lane, functionName } = intake
    const { topic, packet, dup } = message
    const crowded = this.lanes.waiting(lane) >= laneBound(topic)
    const over: 413 | 429 | undefined = intake.over ?? (crowded ? 429 : undefined)
    if (over !== undefined) {
      this.#deps.metrics.over.inc({ class: this.identity.slotClass, code: over })
    }
    const payload = over === 413 ? Buffer.alloc(0) : message.payload
    const received = { lane, functionName, topic, payload, packet, dup, over }
    this.lanes.add(hold({ ...received, delivery: this.#nextDelivery() }, this.#deps.now()))
    this.wake()
  }

  #acknowledge(...packets: (number | null)[]): void {
    const steps: Step[] = []
    for (const packet of packets) if (packet !== null) steps.push({ acknowledge: packet })
    this.#write(steps)
  }

  #write(steps: readonly Step[]): void {
    const { metrics } = this.#deps
    const label = { class: this.identity.slotClass }
    const frames = steps.filter((step) => 'frame' in step).length
    if (frames > 0) metrics.published.inc(label, frames)
    metrics.acknowledged.inc(label, steps.length - frames)
    this.publisher.push(steps)
  }

  #clear({ topic, packet }: Publication): void {
    const frame = { topic, qos: 1, retain: true, payload: Buffer.alloc(0) } as const
    const steps: Step[] = [{ frame, done: () => undefined }]
    this.#write(packet === null ? steps : [...steps, { acknowledge: packet }])
  }

  #reject(message: Publication, reason: string): void {
    const { topic, payload, packet } = message
    const delivery = this.#nextDelivery()
    const received = { lane: topic, functionName: '', topic, payload, packet, delivery }
    const item = hold(received, this.#deps.now())
    void this.#bury([{ item, reason }])
  }

  #pump(): void {
    if (this.#stopping || this.ended) return
    for (const functionName of this.#functions) {
      while (!this.publisher.full && this.#mayCall(functionName)) {
        const pass = this.#deps.windows.enter(functionName, this)
        if (pass === undefined) break
        const batch = this.lanes.take(functionName)
        if (batch.length === 0) {
          pass('failed', false)
          break
        }
        const call = this.#call(functionName, batch, pass)
        this.#calls.add(call)
        void call.finally(() => this.#calls.delete(call))
      }
    }
  }

  #mayCall(functionName: string): boolean {
    const ready = this.lanes.readyLanes(functionName)
    if (ready === 0) return false
    const wait = this.#company.wait(functionName, ready, this.#deps.now())
    if (wait > 0) this.later(() => this.wake(), wait)
    return wait === 0
  }

  async #call(
    functionName: string,
    batch: readonly Held[],
    pass: (outcome: 'answered' | 'busy' | 'failed', full: boolean) => void,
  ): Promise<void> {
    const { caller, metrics, callDeadlineMs = CALL_DEADLINE_MS } = this.#deps
    const { slot, epoch } = this.identity
    const stop = metrics.callSeconds.startTimer({ function: functionName })
    metrics.batchItems.observe({ function: functionName }, batch.length)
    const events = batch.map((item) => eventOf(item, slot, epoch))
    this.#company.begin(functionName, batch.length)
    const signal = this.signal
    const outcome = await invoke(caller, {
      functionName,
      events,
      deadlineMs: callDeadlineMs,
      signal,
    })
    stop()
    this.#company.end(functionName, batch.length)
    const answered = outcome.kind === 'answer'
    const full = batch.length === BATCH_ITEMS && this.lanes.isReady(functionName)
    pass(answered ? 'answered' : outcome.kind === 'busy' ? 'busy' : 'failed', full)
    if (this.ended) return
    metrics.calls.inc({ function: functionName, outcome: outcome.kind })
    if (!answered) this.#warn(functionName, batch, outcome)
    this.#settle(functionName, batch, outcome)
  }

  #warn(functionName: string, batch: readonly Held[], outcome: Outcome): void {
    const why = 'why' in outcome ? outcome.why : 'status' in outcome ? outcome.status : undefined
    const fields = { function: functionName, items: batch.length, outcome: outcome.kind, why }
    this.#deps.log.warn({ ...fields, ...this.#place() }, 'call')
  }

  #settle(functionName: string, batch: readonly Held[], outcome: Outcome): void {
    const { now, windows } = this.#deps
    const succeededAt = windows.succeededAt(functionName)
    const fates = judge(batch, outcome, { now: now(), succeededAt })
    if (outcome.kind === 'answer') {
      windows.succeed(functionName, now())
      this.#deliver(batch, fates, outcome.answer)
    }
    const more = outcome.kind === 'answer' && outcome.answer.more
    const results = laneResults(batch, fates, more || outcome.kind === 'unknown')
    const groups = Map.groupBy(results, ({ delayMs, dead }) => (dead.length > 0 ? -1 : delayMs))
    for (const group of groups.values()) this.#goOn(functionName, group)
    this.wake()
  }

  #deliver(batch: readonly Held[], fates: readonly Fate[], answer: Answer): void {
    const { outbox, bells } = this
    const refused = (code: number) =>
      this.#deps.metrics.refused.inc({ code: `0x${code.toString(16)}` })
    const later = (work: () => void, ms: number) => this.later(work, ms)
    const delivery = new Delivery({ outbox, bells, refused, later }, batch, fates, answer)
    this.#write(delivery.steps())
  }

  /** Lets lanes go on: at once, or after dead letters are stored, a back-off is over and the outbox is read. */
  #goOn(functionName: string, lanes: readonly LaneResult[]): void {
    const { metrics } = this.#deps
    const again = lanes.reduce((sum, lane) => sum + lane.again.length, 0)
    if (again > 0) metrics.retried.inc({ function: functionName }, again)
    const plain = lanes.every((lane) => lane.dead.length === 0 && lane.delayMs === 0 && !lane.ask)
    if (plain) this.#release(lanes)
    else void this.#prepare(lanes).then(() => this.#release(lanes))
  }

  async #prepare(lanes: readonly LaneResult[]): Promise<void> {
    await this.#bury(lanes.flatMap((lane) => lane.dead))
    const delay = Math.max(...lanes.map((lane) => lane.delayMs))
    if (delay > 0) await sleep(delay, undefined, { signal: this.signal }).catch(() => undefined)
    if (this.ended) return
    const asking = lanes.filter((lane) => lane.ask && deviceId(lane.lane) !== undefined)
    await this.outbox.ask(asking.map((lane) => lane.lane)).catch((error: unknown) => {
      // The rows are found again by their age.
      this.#deps.log.warn({ err: error, ...this.#place() }, 'outbox')
    })
  }

  #release(lanes: readonly LaneResult[]): void {
    if (this.ended) return
    for (const { lane, again, finished } of lanes) {
      // A bell that comes again may have been joined meanwhile: it is written anew.
      for (const item of again) if (item.ring !== undefined) item.event = undefined
      this.lanes.release(lane, again, finished)
    }
    this.wake()
  }

  /** Stores dead letters, as often as it takes, then acknowledges them. */
  async #bury(dead: readonly { item: Held; reason: string }[]): Promise<void> {
    if (dead.length === 0) return
    const { db, log, metrics } = this.#deps
    const letters = dead.map(({ item, reason }) => ({
      deviceId: deviceId(item.lane) ?? null,
      topic: item.topic,
      payload: item.ring === undefined ? item.payload : bellPayload(item.ring),
      delivery: item.delivery,
      reason,
    }))
    if (!(await bury({ db, log }, this.identity.slot, letters, this.signal))) return
    for (const { item, reason } of dead) {
      metrics.dead.inc({ reason })
      if (item.ring !== undefined) this.outbox.served(item.lane, item.ring.outbox)
      this.#acknowledge(...item.acks)
    }
  }
}
