import { generate, type Packet } from 'mqtt-packet'
import type { Duplex } from 'node:stream'
import type { Frame } from '../../shared/mqtt/delivery.ts'
import type { ProtocolVersion } from './packet-reader.ts'

const CHUNK_BYTES = 64 * 1024
const PUBLISH = 0x30
const PUBACK = 0x40
/** Type, remaining length, length of the topic, packet identifier, length of no properties. */
const HEAD_BYTES = 1 + 4 + 2 + 2 + 1

/**
 * Writes packets into chunks that leave at the end of the turn: the frames of a whole answer are one write. PUBLISH and PUBACK are
 * put together here (MQTT 5, sections 3.3 and 3.4), all others by mqtt-packet.
 */
export class PacketWriter {
  readonly #to: Duplex
  readonly #version: ProtocolVersion
  #chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  /** What of the chunk has left, and what is written. */
  #sent = 0
  #end = 0
  #scheduled = false

  constructor(to: Duplex, version: ProtocolVersion) {
    this.#to = to
    this.#version = version
  }

  /** Bytes that have not left this process. */
  get waiting(): number {
    return this.#to.writableLength + this.#end - this.#sent
  }

  publish({ topic, payload, qos, retain }: Omit<Frame, 'item'>, packet: number): void {
    const topicBytes = Buffer.byteLength(topic)
    const payloadBytes = Buffer.byteLength(payload)
    const properties = this.#version === 5 ? 1 : 0
    const length = 2 + topicBytes + (qos === 0 ? 0 : 2) + properties + payloadBytes
    const chunk = this.#room(HEAD_BYTES + topicBytes + payloadBytes)
    chunk[this.#end++] = PUBLISH | (qos << 1) | (retain ? 1 : 0)
    this.#length(length)
    this.#word(topicBytes)
    this.#end += chunk.write(topic, this.#end)
    if (qos === 1) this.#word(packet)
    if (properties === 1) chunk[this.#end++] = 0
    this.#end +=
      typeof payload === 'string' ? chunk.write(payload, this.#end) : payload.copy(chunk, this.#end)
  }

  acknowledge(packet: number): void {
    const chunk = this.#room(4)
    chunk[this.#end++] = PUBACK
    chunk[this.#end++] = 2
    this.#word(packet)
  }

  other(packet: Packet): void {
    const bytes = generate(packet, { protocolVersion: this.#version })
    this.#end += bytes.copy(this.#room(bytes.length), this.#end)
  }

  /** Hands over what is written so far. */
  flush(): void {
    const bytes = this.#chunk.subarray(this.#sent, this.#end)
    this.#sent = this.#end
    if (bytes.length > 0 && this.#to.writable) this.#to.write(bytes)
  }

  /** The chunk, with room for so many bytes. What has been handed over is never written again. */
  #room(bytes: number): Buffer {
    if (this.#end + bytes > this.#chunk.length) {
      this.flush()
      this.#chunk = Buffer.allocUnsafe(Math.max(CHUNK_BYTES, bytes))
      this.#sent = 0
      this.#end = 0
    }
    if (!this.#scheduled) {
      this.#scheduled = true
      process.nextTick(() => {
        this.#scheduled = false
        this.flush()
      })
    }
    return this.#chunk
  }

  #word(value: number): void {
    this.#end = this.#chunk.writeUInt16BE(value, this.#end)
  }

  #length(value: number): void {
    let rest = value
    while (rest > 0x7f) {
      this.#chunk[this.#end++] = (rest & 0x7f) | 0x80
      rest >>= 7
    }
    this.#chunk[this.#end++] = rest
  }
}
