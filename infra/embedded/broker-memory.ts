import AsyncPersistence from 'aedes-persistence/asyncPersistence.js'

type Queued = Parameters<AsyncPersistence['outgoingEnqueueCombi']>[0][number]
type QueuedPacket = Parameters<AsyncPersistence['outgoingEnqueueCombi']>[1]
type Session = Parameters<AsyncPersistence['addSubscriptions']>[0]
type Asked = Parameters<AsyncPersistence['addSubscriptions']>[1][number]

/** What is kept of one session at most. */
export interface SessionLimits {
  readonly messages: number
  /** Of the payloads of its messages. */
  readonly bytes: number
  readonly filters: number
}

interface Queue {
  messages: number
  bytes: number
}

/**
 * Sessions and retained messages in memory, with queues that end: a device that never comes back costs so many messages.
 * Above that the newest is dropped, as Mosquitto does with `max_queued_messages`.
 */
export class BrokerMemory extends AsyncPersistence {
  readonly #retained = new Set<string>()
  readonly #queues = new Map<string, Queue>()
  /** Filters of sessions that outlive their connection, with their QoS. */
  readonly #filters = new Map<string, Map<string, number>>()
  readonly #limits: (clientId: string) => SessionLimits
  dropped = 0

  constructor(limits: (clientId: string) => SessionLimits) {
    super()
    this.#limits = limits
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

  // Called once for each filter that is granted, with all of the packet, those that were refused too.
  override addSubscriptions(client: Session, asked: readonly Asked[]): Promise<void> {
    const known = this.#filters.get(client.id) ?? new Map<string, number>()
    this.#filters.set(client.id, known)
    const { filters } = this.#limits(client.id)
    const fresh = asked.filter(({ topic, qos }) => {
      if (known.get(topic) === qos || (!known.has(topic) && known.size >= filters)) return false
      known.set(topic, qos)
      return true
    })
    return super.addSubscriptions(client, fresh)
  }

  override removeSubscriptions(client: Session, topics: readonly string[]): Promise<void> {
    const known = this.#filters.get(client.id)
    for (const topic of topics) known?.delete(topic)
    return super.removeSubscriptions(client, topics)
  }

  override cleanSubscriptions(client: Session): Promise<void> {
    this.#filters.delete(client.id)
    return super.cleanSubscriptions(client)
  }

  override async outgoingEnqueueCombi(
    subscriptions: readonly Queued[],
    packet: QueuedPacket,
  ): Promise<void> {
    const bytes = packet.payload.length
    const taken = subscriptions.filter(({ clientId }) => this.#take(clientId, bytes))
    this.dropped += subscriptions.length - taken.length
    return super.outgoingEnqueueCombi(taken, packet)
  }

  override async outgoingClearMessageId(client: Session, packet: unknown) {
    const cleared = await super.outgoingClearMessageId(client, packet)
    if (cleared !== undefined) this.#give(client.id, cleared)
    return cleared
  }

  #take(clientId: string, bytes: number): boolean {
    const limits = this.#limits(clientId)
    const queue = this.#queues.get(clientId) ?? { messages: 0, bytes: 0 }
    if (queue.messages >= limits.messages || queue.bytes + bytes > limits.bytes) return false
    this.#queues.set(clientId, { messages: queue.messages + 1, bytes: queue.bytes + bytes })
    return true
  }

  #give(clientId: string, cleared: unknown): void {
    const queue = this.#queues.get(clientId)
    if (queue === undefined) return
    // What is left of a message of QoS 2 at its end has no payload any more: then it was one like the others.
    queue.bytes -= payloadBytes(cleared) ?? queue.bytes / queue.messages
    queue.messages -= 1
    if (queue.messages <= 0) this.#queues.delete(clientId)
  }
}

function payloadBytes(packet: unknown): number | undefined {
  const payload: unknown =
    typeof packet === 'object' && packet !== null && 'payload' in packet
      ? packet.payload
      : undefined
  return typeof payload === 'string' || payload instanceof Uint8Array ? payload.length : undefined
}
