// MQTT 3.1.1 and 5, section 2.1: fixed header, 3.3 PUBLISH, 3.4 PUBACK. Of the packets a connector receives nearly all are these two;
// they are read here, the others by mqtt-packet (docs/decisions/0012-connector.md has the figures).
import { parser, type Packet } from 'mqtt-packet'

export type ProtocolVersion = 4 | 5

export interface Publication {
  readonly topic: string
  readonly payload: Buffer
  /** Packet identifier; null for QoS 0. */
  readonly packet: number | null
  readonly dup: boolean
  readonly retain: boolean
}

export interface PacketHandlers {
  publish(publication: Publication): void
  /** @param code 0 in MQTT 3.1.1 */
  puback(packet: number, code: number): void
  other(packet: Packet): void
}

const PUBLISH = 3
const PUBACK = 4
const LENGTH_BYTES = 4
const EMPTY: Buffer = Buffer.alloc(0)

/** A broker that breaks the protocol. */
export class PacketFault extends Error {
  constructor(message: string) {
    super(`the broker sent ${message}`)
    this.name = 'PacketFault'
  }
}

/** Cuts what comes over a connection into packets. */
export class PacketReader {
  readonly #version: ProtocolVersion
  readonly #handlers: PacketHandlers
  #rest = EMPTY

  constructor(version: ProtocolVersion, handlers: PacketHandlers) {
    this.#version = version
    this.#handlers = handlers
  }

  /** @throws {PacketFault} */
  take(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    for (;;) {
      const body = readLength(bytes, at + 1)
      if (body === undefined || body.end + body.value > bytes.length) break
      const end = body.end + body.value
      this.#packet(bytes, at, body.end, end)
      at = end
    }
    this.#rest = at === bytes.length ? EMPTY : bytes.subarray(at)
  }

  #packet(bytes: Buffer, start: number, body: number, end: number): void {
    const first = bytes[start] ?? 0
    const type = first >> 4
    if (type === PUBLISH) this.#publish(bytes, first, body, end)
    else if (type === PUBACK) this.#puback(bytes, body, end)
    else this.#other(bytes.subarray(start, end))
  }

  #publish(bytes: Buffer, first: number, body: number, end: number): void {
    const qos = (first >> 1) & 3
    const topicEnd = body + 2 + word(bytes, body, end)
    const idEnd = qos === 0 ? topicEnd : topicEnd + 2
    if (qos > 1 || topicEnd === body + 2 || idEnd > end) throw new PacketFault('no PUBLISH')
    this.#handlers.publish({
      topic: bytes.toString('utf8', body + 2, topicEnd),
      payload: bytes.subarray(this.#afterProperties(bytes, idEnd, end), end),
      packet: qos === 0 ? null : word(bytes, topicEnd, end),
      dup: (first & 8) !== 0,
      retain: (first & 1) !== 0,
    })
  }

  #afterProperties(bytes: Buffer, at: number, end: number): number {
    if (this.#version === 4) return at
    const properties = readLength(bytes, at)
    const after = properties === undefined ? end + 1 : properties.end + properties.value
    if (after > end) throw new PacketFault('no properties')
    return after
  }

  #puback(bytes: Buffer, body: number, end: number): void {
    const code = body + 2 < end ? (bytes[body + 2] ?? 0) : 0
    this.#handlers.puback(word(bytes, body, end), code)
  }

  #other(bytes: Buffer): void {
    const other = parser({ protocolVersion: this.#version })
    other.on('error', (error: Error) => {
      throw new PacketFault(error.message)
    })
    other.on('packet', (packet: Packet) => this.#handlers.other(packet))
    other.parse(bytes)
  }
}

function word(bytes: Buffer, at: number, end: number): number {
  if (at + 2 > end) throw new PacketFault('a packet that is too short')
  return bytes.readUInt16BE(at)
}

/** A variable byte integer (MQTT 5, 1.5.5); undefined while it is not whole. */
function readLength(bytes: Buffer, at: number): { value: number; end: number } | undefined {
  let value = 0
  for (let n = 0; n < LENGTH_BYTES; n++) {
    const byte = bytes[at + n]
    if (byte === undefined) return undefined
    value += (byte & 0x7f) << (7 * n)
    if (byte < 0x80) return { value, end: at + n + 1 }
  }
  throw new PacketFault('a length of more than four bytes')
}
