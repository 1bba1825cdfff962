import AsyncPersistence from 'aedes-persistence/asyncPersistence.js'

type Queued = Parameters<AsyncPersistence['outgoingEnqueueCombi']>[0][number]
type QueuedPacket = Parameters<AsyncPersistence['outgoingEnqueueCombi']>[1]

/**
 * Sessions and retained messages in memory, with queues that end: a device that never comes back costs so many messages.
 * Above that the newest is dropped, as Mosquitto does with `max_queued_messages`.
 */
export class BrokerMemory extends AsyncPersistence {
  readonly #retained = new Set<string>()
  readonly #queued = new Map<string, number>()
  readonly #max: (clientId: string) => number
  dropped = 0

  constructor(max: (clientId: string) => number) {
    super()
    this.#max = max
  }

  /** How many retained messages there are. */
  get retained(): number {
    return this.#retained.size
  }

  override storeRetained(packet: QueuedPacket): Promise<void> {
    if (packet.payload.length === 0) this.#retained.delete(packet.topic)
    else this.#retained.add(packet.topic)
    return super.storeRetained(packet)
  }

  override async outgoingEnqueueCombi(
    subscriptions: readonly Queued[],
    packet: QueuedPacket,
  ): Promise<void> {
    const taken = subscriptions.filter(({ clientId }) => this.#take(clientId))
    this.dropped += subscriptions.length - taken.length
    return super.outgoingEnqueueCombi(taken, packet)
  }

  override async outgoingClearMessageId(client: { readonly id: string }, packet: unknown) {
    const cleared = await super.outgoingClearMessageId(client, packet)
    if (cleared !== undefined) this.#give(client.id)
    return cleared
  }

  #take(clientId: string): boolean {
    const queued = this.#queued.get(clientId) ?? 0
    if (queued >= this.#max(clientId)) return false
    this.#queued.set(clientId, queued + 1)
    return true
  }

  #give(clientId: string): void {
    const queued = (this.#queued.get(clientId) ?? 0) - 1
    if (queued > 0) this.#queued.set(clientId, queued)
    else this.#queued.delete(clientId)
  }
}
