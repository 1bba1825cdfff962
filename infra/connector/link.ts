import type {
  IConnackPacket,
  IConnectPacket,
  IDisconnectPacket,
  ISubackPacket,
  Packet,
} from 'mqtt-packet'
import type { Duplex } from 'node:stream'
import type { Frame } from '../../shared/mqtt/delivery.ts'
import { credentialsOf, openBrokerStream, type BrokerAddress } from './broker-stream.ts'
import { PacketReader, type ProtocolVersion, type Publication } from './packet-reader.ts'
import { PacketWriter } from './packet-writer.ts'

export interface LinkOptions {
  readonly address: BrokerAddress
  readonly clientId: string
  readonly clean: boolean
  readonly will?: { readonly topic: string; readonly payload: string }
  readonly onMessage: (publication: Publication) => void
  readonly onClose: (reason: string) => void
  readonly onDrain: () => void
}

export interface SubscribeOptions {
  readonly qos: 0 | 1
  /** 0: retained messages at each subscribe; 1: only if the subscription is new. */
  readonly retainHandling: 0 | 1
}

const KEEP_ALIVE_SECONDS = 10
const PING_MS = (KEEP_ALIVE_SECONDS * 1000) / 2
/** So many pings without a byte from the broker: it is gone. */
const SILENT_PINGS = 3
const CONNECT_MS = 5000
const END_MS = 1000
const SESSION_SECONDS = 7 * 24 * 60 * 60
export const RECEIVE_MAXIMUM = 2000
const BUFFERED_BYTES = 4 * 1024 * 1024
const REFUSED = 0x80
const PACKETS = 0xffff

/** Connects; rejects when the broker refuses or does not answer within 5 s. */
export function openLink(options: LinkOptions): Promise<Link> {
  return new Promise((resolve, reject) => {
    const link = new Link(options, { resolve, reject })
    link.begin()
  })
}

interface Opening {
  resolve(link: Link): void
  reject(error: Error): void
}

/**
 * One connection to the broker. It never reconnects: what comes after it is another connection, another epoch. No PUBACK is sent
 * but by `acknowledge`, which is why it is no client of a library.
 */
export class Link {
  readonly #options: LinkOptions
  readonly #stream: Duplex
  readonly #version: ProtocolVersion
  readonly #reader: PacketReader
  readonly #writer: PacketWriter
  /** Publications that the broker has not acknowledged, by packet identifier. */
  readonly #published = new Map<number, (code: number) => void>()
  readonly #subscribing = new Map<number, PromiseWithResolvers<void>>()
  #opening: Opening | undefined
  #connack: IConnackPacket | undefined
  #reason = 'connection lost'
  #packet = 0
  #silent = 0
  #pinging: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: LinkOptions, opening: Opening) {
    this.#options = options
    this.#opening = opening
    this.#version = 'stream' in options.address ? 4 : 5
    this.#stream = openBrokerStream(options.address, options.clientId)
    this.#writer = new PacketWriter(this.#stream, this.#version)
    this.#reader = new PacketReader(this.#version, {
      publish: options.onMessage,
      puback: (packet, code) => this.#acknowledged(packet, code),
      other: (packet) => this.#take(packet),
    })
  }

  get sessionPresent(): boolean {
    return this.#connack?.sessionPresent ?? false
  }

  /** How many publications of QoS 1 the broker takes before it has acknowledged any. */
  get quota(): number {
    return Math.min(RECEIVE_MAXIMUM, this.#connack?.properties?.receiveMaximum ?? RECEIVE_MAXIMUM)
  }

  /** False while the stream takes no more. */
  get writable(): boolean {
    return this.#writer.waiting < BUFFERED_BYTES
  }

  begin(): void {
    const late = setTimeout(() => {
      if (this.#connack === undefined) this.#fail(new Error('no CONNACK within 5 s'))
    }, CONNECT_MS)
    this.#stream.on('data', (chunk: Buffer) => this.#read(chunk))
    this.#stream.on('drain', this.#options.onDrain)
    this.#stream.on('error', (error) => {
      this.#reason = error.message
    })
    // Of a stream within the process the other side may end alone.
    this.#stream.on('end', () => this.#stream.destroy())
    this.#stream.on('close', () => {
      clearTimeout(late)
      this.#end()
    })
    this.#writer.other(connectPacket(this.#options, this.#version))
  }

  /** `done` has the reason code of the broker's refusal, 0 when it took the message; not called once the connection is lost. */
  publish(frame: Omit<Frame, 'item'>, done: (code: number) => void): void {
    if (this.#closed) return
    if (frame.qos === 0) {
      this.#writer.publish(frame, 0)
      queueMicrotask(() => done(0))
      return
    }
    const packet = this.#nextPacket()
    this.#published.set(packet, done)
    this.#writer.publish(frame, packet)
  }

  /** Sends the PUBACK that was withheld. */
  acknowledge(packet: number): void {
    if (!this.#closed) this.#writer.acknowledge(packet)
  }

  /** Rejects when the broker grants less. */
  async subscribe(filters: readonly string[], options: SubscribeOptions): Promise<void> {
    if (filters.length === 0 || this.#closed) return
    const { qos, retainHandling: rh } = options
    const messageId = this.#nextPacket()
    const answer = Promise.withResolvers<void>()
    this.#subscribing.set(messageId, answer)
    const subscriptions = filters.map((topic) => ({ topic, qos, rh, rap: true, nl: false }))
    this.#writer.other({ cmd: 'subscribe', messageId, subscriptions })
    await answer.promise
  }

  unsubscribe(filter: string): void {
    if (this.#closed) return
    const messageId = this.#nextPacket()
    this.#writer.other({ cmd: 'unsubscribe', messageId, unsubscriptions: [filter] })
  }

  /** Says goodbye, after all that was written: no will is sent. */
  async end(): Promise<void> {
    if (this.#closed) return
    const closed = new Promise<void>((resolve) => this.#stream.once('close', () => resolve()))
    const late = setTimeout(() => this.#stream.destroy(), END_MS)
    this.#writer.other({ cmd: 'disconnect', reasonCode: 0 })
    this.#writer.flush()
    this.#stream.end()
    await closed
    clearTimeout(late)
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#stream.destroy()
  }

  #read(chunk: Buffer): void {
    this.#silent = 0
    try {
      this.#reader.take(chunk)
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #take(packet: Packet): void {
    if (packet.cmd === 'connack') this.#welcome(packet)
    else if (packet.cmd === 'suback') this.#granted(packet)
    else if (packet.cmd === 'disconnect') this.#dismissed(packet)
  }

  #welcome(connack: IConnackPacket): void {
    const code = connack.reasonCode ?? connack.returnCode ?? 0
    if (code !== 0) {
      this.#fail(new Error(`refused by the broker, reason ${code}`))
      return
    }
    this.#connack = connack
    this.#pinging = setInterval(() => this.#ping(), PING_MS)
    this.#opening?.resolve(this)
    this.#opening = undefined
  }

  #granted({ messageId = 0, granted }: ISubackPacket): void {
    const answer = this.#subscribing.get(messageId)
    this.#subscribing.delete(messageId)
    const refused = granted.map(Number).find((code) => code >= REFUSED)
    if (refused === undefined) answer?.resolve()
    else answer?.reject(new Error(`subscription refused by the broker, reason ${refused}`))
  }

  #dismissed({ reasonCode = 0 }: IDisconnectPacket): void {
    this.#fail(new Error(`disconnected by the broker, reason ${reasonCode}`))
  }

  #acknowledged(packet: number, code: number): void {
    const done = this.#published.get(packet)
    this.#published.delete(packet)
    done?.(code)
  }

  // Quotas are far below 65,535: a free one is always found.
  #nextPacket(): number {
    do this.#packet = (this.#packet % PACKETS) + 1
    while (this.#published.has(this.#packet) || this.#subscribing.has(this.#packet))
    return this.#packet
  }

  #ping(): void {
    this.#silent += 1
    if (this.#silent > SILENT_PINGS) this.#fail(new Error('the broker is silent'))
    else if ('url' in this.#options.address) this.#writer.other({ cmd: 'pingreq' })
    else this.#silent = 0
  }

  #fail(error: Error): void {
    this.#reason = error.message
    this.#stream.destroy()
  }

  #end(): void {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#pinging)
    const lost = new Error(this.#reason)
    for (const { reject } of this.#subscribing.values()) reject(lost)
    this.#subscribing.clear()
    this.#published.clear()
    if (this.#opening === undefined) this.#options.onClose(this.#reason)
    else this.#opening.reject(lost)
    this.#opening = undefined
  }
}

function connectPacket(options: LinkOptions, version: ProtocolVersion): IConnectPacket {
  const { address, clientId, clean, will } = options
  return {
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: version,
    clientId,
    clean,
    keepalive: version === 5 ? KEEP_ALIVE_SECONDS : 0,
    ...credentialsOf(address),
    ...(will && {
      will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1, retain: false },
    }),
    ...(version === 5 && {
      properties: {
        sessionExpiryInterval: clean ? 0 : SESSION_SECONDS,
        receiveMaximum: RECEIVE_MAXIMUM,
      },
    }),
  }
}
