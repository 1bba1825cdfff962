import { setTimeout as sleep } from 'node:timers/promises'
import { goneTopic, type SlotClass } from '../../shared/mqtt/topics.ts'
import { backOff } from './back-off.ts'
import type { BrokerAddress } from './broker-stream.ts'
import { openLink, type Link } from './link.ts'
import type { Publication } from './packet-reader.ts'
import { markFrame, readMark } from './mark.ts'
import { claimSlot, freeSlot, renewSlot } from './queries.ts'
import { restoreRetained } from './restore.ts'
import { Session, type SessionDeps } from './session.ts'
import type { TopicTrigger } from './triggers.ts'

const CLAIM_MS = 300
const RENEW_MS = 500
const MARK_MS = 30_000

/** How long a slot that was given up is left to others. */
const YIELD_MS = 3000

export interface SlotOptions {
  readonly broker: string
  readonly address: BrokerAddress
  readonly slot: number
  readonly slotClass: SlotClass
  readonly triggers: readonly TopicTrigger[]
  /** Unique among all processes that ever ask for the slot. */
  readonly holder: string
  /** A stream within the process is never opened again. */
  readonly onStreamLost?: ((error: Error) => void) | undefined
}

/**
 * Keeps trying to hold one slot. A connection is an epoch: claim, connect with the slot's client id, which ends an older holder's
 * connection, receive what it left unacknowledged; when the connection is lost, all over again.
 */
export class SlotKeeper {
  readonly #deps: SessionDeps
  readonly #options: SlotOptions
  readonly #stop = new AbortController()
  #wake: (() => void) | undefined
  #gone: bigint | null = null
  #session: Session | undefined
  #link: Link | undefined
  #epoch: bigint | undefined
  #yielding = false
  #yieldedAt = -Infinity
  #running: Promise<void> | undefined
  readonly #first = Promise.withResolvers<void>()

  constructor(deps: SessionDeps, options: SlotOptions) {
    this.#deps = deps
    this.#options = options
  }

  get slot(): number {
    return this.#options.slot
  }

  get cell(): string {
    return this.#options.broker
  }

  get slotClass(): SlotClass {
    return this.#options.slotClass
  }

  /** The session while the slot is held. */
  get session(): Session | undefined {
    return this.#session
  }

  /** Resolves when the slot is held for the first time. */
  get held(): Promise<void> {
    return this.#first.promise
  }

  start(): void {
    this.#running = this.#run()
  }

  /** The will of a holder was heard: its lease no longer counts. */
  heardGone(epoch: bigint): void {
    this.#gone = epoch
    this.#wake?.()
  }

  /** Finishes what is under way, frees the lease, disconnects. */
  async close(graceMs: number): Promise<void> {
    await this.#session?.drain(graceMs)
    this.#stop.abort()
    this.#wake?.()
    await this.#free()
    await this.#link?.end()
    await this.#running
  }

  /** Gives the slot to another connector, in order, as at an end; asks for it again where nobody took it. */
  async yield(graceMs: number): Promise<void> {
    if (this.#yielding || this.#session === undefined) return
    this.#yielding = true
    try {
      await this.#session.drain(graceMs)
      this.#yieldedAt = this.#deps.now()
      await this.#free()
      await this.#link?.end()
    } finally {
      this.#yielding = false
    }
  }

  async #free(): Promise<void> {
    if (this.#epoch === undefined) return
    const { slot, holder } = this.#options
    await this.#deps.db.rows(freeSlot, [slot, holder, this.#epoch]).catch(() => undefined)
  }

  get #yielded(): boolean {
    return this.#gone === null && this.#deps.now() - this.#yieldedAt < YIELD_MS
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#stop.signal.aborted;) {
      const epoch = this.#yielded ? undefined : await this.#claim()
      if (this.#stop.signal.aborted) break
      if (epoch === undefined) {
        await this.#pause(CLAIM_MS)
        continue
      }
      const served = await this.#serve(epoch)
      if ('stream' in this.#options.address && !this.#stop.signal.aborted) {
        // The broker within the process would send again without saying so (no DUP): that cannot be told from a new message.
        this.#options.onStreamLost?.(new Error('the stream to the broker broke'))
        return
      }
      failures = served ? 0 : failures + 1
      await this.#pause(served ? 50 : backOff(Math.min(failures + 1, 5)))
    }
  }

  async #claim(): Promise<bigint | undefined> {
    const { slot, holder } = this.#options
    const gone = this.#gone
    this.#gone = null
    try {
      return (await this.#deps.db.row(claimSlot, [slot, holder, gone]))?.epoch
    } catch (error) {
      this.#deps.log.warn({ err: error, slot }, 'slot not claimed')
      return undefined
    }
  }

  async #pause(ms: number): Promise<void> {
    if (this.#stop.signal.aborted || this.#gone !== null) return
    const awake = new AbortController()
    this.#wake = () => awake.abort()
    await sleep(ms, undefined, { signal: awake.signal }).catch(() => undefined)
    this.#wake = undefined
  }

  /** One connection from its beginning to its end; false when it did not come about. */
  async #serve(epoch: bigint): Promise<boolean> {
    const { log, metrics } = this.#deps
    const { slot, slotClass } = this.#options
    const lost = Promise.withResolvers<string>()
    this.#epoch = epoch
    try {
      await this.#connect(epoch, lost.resolve)
    } catch (error) {
      log.warn({ slot, class: slotClass, err: error }, 'broker not reached')
      this.#drop()
      return false
    }
    if (this.#stop.signal.aborted) {
      this.#drop()
      return true
    }
    metrics.slots.set({ cell: this.cell, class: slotClass }, 1)
    this.#first.resolve()
    const stopRenewing = this.#renew(epoch)
    const reason = await lost.promise
    stopRenewing()
    metrics.slots.set({ cell: this.cell, class: slotClass }, 0)
    this.#drop()
    const place = { slot, cell: this.cell, class: slotClass, epoch }
    if (this.#yielded) log.info(place, 'slot given up')
    else if (!this.#stop.signal.aborted) log.warn({ ...place, reason }, 'slot lost')
    return true
  }

  #drop(): void {
    this.#session?.end()
    this.#link?.destroy()
    this.#session = undefined
    this.#link = undefined
  }

  async #connect(epoch: bigint, onLost: (reason: string) => void): Promise<void> {
    const { address, slot, slotClass, triggers } = this.#options
    const { log, metrics } = this.#deps
    const early: Publication[] = []
    let take = (message: Publication): void => {
      early.push(message)
    }
    const link = await openLink({
      address,
      clientId: `_muster-${slot}`,
      clean: false,
      will: { topic: goneTopic(slot), payload: String(epoch) },
      onMessage: (message) => take(message),
      onClose: onLost,
      onDrain: () => this.#session?.publisher.flush(),
    })
    this.#link = link
    const session = new Session(this.#deps, { slot, slotClass, epoch, triggers }, link)
    this.#session = session
    const mark = readMark(link, slot, epoch)
    take = (message) => {
      if (!mark.take(message)) session.receive(message)
      else if (message.packet !== null) link.acknowledge(message.packet)
    }
    for (const message of early) take(message)
    const filters = triggers.map(({ filter }) => filter)
    await Promise.all([link.subscribe(filters, { qos: 1, retainHandling: 1 }), mark.begin()])
    metrics.takeovers.inc({ class: slotClass })
    log.info({ slot, class: slotClass, epoch, resumed: link.sessionPresent }, 'slot held')
    session.start()
    void this.#afterMark(session, epoch, mark.value)
  }

  /** Once it is known what the broker remembers: what it forgot is sent anew, and the mark is kept from now on. */
  async #afterMark(session: Session, epoch: bigint, value: Promise<Date | null>): Promise<void> {
    const { broker, slot, slotClass } = this.#options
    const { db, log } = this.#deps
    const mark = await value
    if (slotClass === 'shadow') {
      log.info({ slot, mark }, mark === null ? 'broker without memory' : 'broker remembers')
      const ring = (id: string) => session.bells.ringForMark(id)
      const { signal } = session
      const restore = () => restoreRetained({ db, broker, slot, epoch, ring, signal }, mark)
      void persist(restore, signal, (error) => log.warn({ slot, err: error }, 'restoring'))
    }
    await this.#writeMark(session, epoch)
  }

  async #writeMark(session: Session, epoch: bigint): Promise<void> {
    if (session.ended) return
    const { slot, holder } = this.#options
    const row = await this.#deps.db.row(renewSlot, [slot, holder, epoch]).catch(() => undefined)
    if (row !== undefined) session.publish(markFrame(slot, row.at))
    session.later(() => void this.#writeMark(session, epoch), MARK_MS)
  }

  /** Renews the lease; without it the connection is closed. While the database is away the broker alone decides. */
  #renew(epoch: bigint): () => void {
    let busy = false
    const timer = setInterval(() => {
      if (busy) return
      busy = true
      void this.#renewOnce(epoch).finally(() => {
        busy = false
      })
    }, RENEW_MS)
    return () => clearInterval(timer)
  }

  async #renewOnce(epoch: bigint): Promise<void> {
    const { slot, holder } = this.#options
    const { db, log } = this.#deps
    try {
      const row = await db.row(renewSlot, [slot, holder, epoch])
      if (row !== undefined || this.#epoch !== epoch || this.#stop.signal.aborted) return
      log.warn({ slot, epoch }, 'lease lost')
      this.#link?.destroy()
    } catch (error) {
      log.warn({ slot, err: error }, 'lease not renewed')
    }
  }
}

async function persist(
  work: () => Promise<void>,
  signal: AbortSignal,
  failed: (error: unknown) => void,
): Promise<void> {
  for (let tries = 1; !signal.aborted; tries++) {
    try {
      await work()
      return
    } catch (error) {
      failed(error)
      await sleep(backOff(tries), undefined, { signal }).catch(() => undefined)
    }
  }
}
