import type { X509Certificate } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { AedesOptions, AedesPublishPacket, Client, Subscription } from 'aedes'
import type { BrokerMemory } from './broker-memory.ts'
import {
  mayPublish,
  mayReceive,
  mayRetain,
  maySubscribe,
  type BrokerIdentity,
  type OperatorTopic,
} from './broker-topics.ts'

const NOT_AUTHORIZED = 5
const DENIED = '$denied'
const SAID_ID_CHARACTERS = 128
const FILTERS_MAX = 1000

export interface BrokerPeer {
  readonly certificate: X509Certificate
  readonly address: string
}

/** What connections are known by; aedes' client holds the stream that it was made of. */
export class Connections {
  readonly #identities = new WeakMap<object, BrokerIdentity>()
  readonly #peers = new WeakMap<object, BrokerPeer>()
  readonly clients = new Map<string, Client>()

  trust(stream: Duplex, identity: BrokerIdentity): void {
    this.#identities.set(stream, identity)
  }

  meet(stream: Duplex, peer: BrokerPeer): void {
    this.#peers.set(stream, peer)
  }

  peer(client: Client): BrokerPeer | undefined {
    return this.#peers.get(client.conn)
  }

  identity(client: Client | null): BrokerIdentity | undefined {
    return client === null ? undefined : this.#identities.get(client.conn)
  }
}

interface GateOptions {
  readonly admit: (peer: BrokerPeer) => Promise<BrokerIdentity | undefined>
  readonly topics?: () => readonly OperatorTopic[]
}

interface Published {
  topic: string
  payload: Buffer | string
  qos: number
  retain: boolean
}

// Device ids begin with a letter or digit, so no service account can take a device's session, nor the connector's.
function clientIdOf(identity: BrokerIdentity, said: string): string {
  if (identity.kind !== 'service') return identity.id
  return `_service/${identity.id}/${said.slice(0, SAID_ID_CHARACTERS)}`
}

/** Whether a client may have this filter beside those that it has; one that it has it may ask for again. */
function hasRoom(client: Client, topic: string): boolean {
  const held: unknown = 'subscriptions' in client ? client.subscriptions : undefined
  if (typeof held !== 'object' || held === null) return false
  return Object.hasOwn(held, topic) || Object.keys(held).length < FILTERS_MAX
}

/** Judges connections and messages; aedes asks it by its hooks. */
export class Gate {
  readonly #connections: Connections
  readonly #memory: BrokerMemory
  readonly #admit: GateOptions['admit']
  readonly #topics: () => readonly OperatorTopic[]

  constructor(connections: Connections, memory: BrokerMemory, options: GateOptions) {
    this.#connections = connections
    this.#memory = memory
    this.#admit = options.admit
    this.#topics = options.topics ?? (() => [])
  }

  handlers() {
    return {
      preConnect: (client, packet, done) => void this.#enter(client, packet, done),
      authenticate: (client, _username, _password, done) => {
        const known = this.#connections.identity(client) !== undefined
        const error = Object.assign(new Error('not authorized'), { returnCode: NOT_AUTHORIZED })
        done(known ? null : error, known)
      },
      authorizePublish: (client, packet, done) => {
        this.#judge(client, packet)
        done(null)
      },
      authorizeSubscribe: (client, subscription, done) =>
        done(null, this.#maySubscribe(client, subscription) ? subscription : null),
      authorizeForward: (client, packet) => this.#forward(client, packet),
    } satisfies AedesOptions
  }

  /** The client id is what the certificate says, whatever the client says. A stranger is refused by `authenticate`, with a code. */
  async #enter(
    client: Client,
    packet: { clientId: string },
    done: (error: Error | null, success: boolean) => void,
  ): Promise<void> {
    const peer = this.#connections.peer(client)
    try {
      const known = this.#connections.identity(client)
      const identity = peer === undefined ? known : await this.#admit(peer)
      if (identity !== undefined) {
        this.#connections.trust(client.conn, identity)
        packet.clientId = clientIdOf(identity, packet.clientId)
      }
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)), false)
      return
    }
    done(null, true)
  }

  #judge(client: Client | null, packet: Published): void {
    const identity = this.#connections.identity(client)
    const { retain } = packet
    // Stored here, at once: aedes numbers a message before it stores it, one without RETAIN out of the same bytes overtakes
    // it there, and by its higher number the retained one then counts as a duplicate and is lost.
    packet.retain = false
    if (identity === undefined || !mayPublish(identity, packet.topic, this.#topics())) {
      // Acknowledged and dropped, wills too; an error would end the connection.
      packet.topic = DENIED
      packet.payload = Buffer.alloc(0)
    } else if (retain && mayRetain(identity, packet.topic)) {
      void this.#memory.storeRetained({ ...packet, retain })
    }
  }

  #maySubscribe(client: Client, { topic }: Subscription): boolean {
    const identity = this.#connections.identity(client)
    if (identity === undefined || !maySubscribe(identity, topic, this.#topics())) return false
    return identity.kind === 'connector' || hasRoom(client, topic)
  }

  #forward(client: Client, packet: AedesPublishPacket): AedesPublishPacket | null {
    const identity = this.#connections.identity(client)
    const may = identity !== undefined && mayReceive(identity, packet.topic, this.#topics())
    return may ? packet : null
  }
}
