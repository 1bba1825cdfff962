import { setTimeout as sleep } from 'node:timers/promises'
import { matchesFilter } from '../../shared/mqtt/filter.ts'
import type { BrokerAddress } from './broker-stream.ts'
import { openLink, type Link } from './link.ts'
import type { Metrics } from './metrics.ts'
import { HERE_TOPIC, hereFrame, type Holdings } from './peers.ts'

const AGAIN_MS = 1000
const GONE_FILTER = 'muster/+/gone'
const GONE = /^muster\/(\d{1,5})\/gone$/

/** What is exported of $SYS/broker, by its label. */
const VALUES = new Map([
  ['$SYS/broker/uptime', 'uptime_seconds'],
  ['$SYS/broker/clients/connected', 'clients_connected'],
  ['$SYS/broker/clients/total', 'clients_total'],
  ['$SYS/broker/messages/received', 'messages_received'],
  ['$SYS/broker/messages/sent', 'messages_sent'],
  ['$SYS/broker/publish/messages/received', 'publish_received'],
  ['$SYS/broker/publish/messages/sent', 'publish_sent'],
  ['$SYS/broker/publish/messages/dropped', 'publish_dropped'],
  ['$SYS/broker/store/messages/count', 'store_messages'],
  ['$SYS/broker/store/messages/bytes', 'store_bytes'],
  ['$SYS/broker/retained messages/count', 'retained_messages'],
  ['$SYS/broker/subscriptions/count', 'subscriptions'],
  ['$SYS/broker/bytes/received', 'bytes_received'],
  ['$SYS/broker/bytes/sent', 'bytes_sent'],
  ['$SYS/broker/heap/current', 'heap_bytes'],
])

export interface WatchOptions {
  readonly cell: string
  readonly address: BrokerAddress
  readonly holder: string
  readonly metrics: Metrics
  readonly onGone: (slot: number, epoch: bigint) => void
  /** Another connector told how much it holds. */
  readonly onPeer: (text: string) => void
}

/** A connection beside the slots', without a session: hears the wills of holders and what the broker says of itself. */
export class Watch {
  readonly #options: WatchOptions
  readonly #stop = new AbortController()
  readonly #values = new Map<string, number>()
  #link: Link | undefined
  #running: Promise<void> | undefined

  constructor(options: WatchOptions) {
    this.#options = options
  }

  get connected(): boolean {
    return this.#link !== undefined
  }

  get cell(): string {
    return this.#options.cell
  }

  /** Messages that wait for clients of the broker, as it said last; those that it retains are none of them. */
  get queued(): number {
    const value = (name: string) => this.#values.get(name) ?? 0
    return Math.max(0, value('store_messages') - value('retained_messages'))
  }

  /** Tells the other connectors. */
  say(held: Holdings): void {
    this.#link?.publish(hereFrame(this.#options.holder, held), () => undefined)
  }

  start(): void {
    this.#running = this.#run()
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#link?.end()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      // Whoever holds a slot tells what is wrong with the broker.
      await this.#once().catch(() => undefined)
      this.#link = undefined
      this.#values.clear()
      await sleep(AGAIN_MS, undefined, { signal }).catch(() => undefined)
    }
  }

  async #once(): Promise<void> {
    const { address, holder } = this.#options
    const { promise: lost, resolve } = Promise.withResolvers<void>()
    const link: Link = await openLink({
      address,
      clientId: `_muster-watch-${holder}`,
      clean: true,
      onMessage: (message) => {
        if (message.packet !== null) link.acknowledge(message.packet)
        this.#take(message.topic, message.payload.toString('utf8'))
      },
      onClose: () => resolve(),
      onDrain: () => undefined,
    })
    if (this.#stop.signal.aborted) return link.destroy()
    await link.subscribe([GONE_FILTER], { qos: 1, retainHandling: 0 })
    await link.subscribe([...VALUES.keys(), HERE_TOPIC], { qos: 0, retainHandling: 0 })
    this.#link = link
    await lost
  }

  #take(topic: string, text: string): void {
    const { cell, metrics, onPeer } = this.#options
    const name = VALUES.get(topic)
    if (name !== undefined) {
      const value = Number.parseFloat(text) || 0
      this.#values.set(name, value)
      metrics.broker.set({ cell, name }, value)
      return
    }
    if (topic === HERE_TOPIC) return onPeer(text)
    const slot = matchesFilter(GONE_FILTER, topic) ? GONE.exec(topic)?.[1] : undefined
    if (slot !== undefined && /^\d{1,18}$/.test(text)) {
      this.#options.onGone(Number(slot), BigInt(text))
    }
  }
}
