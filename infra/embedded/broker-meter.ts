import type { Duplex } from 'node:stream'

/** Of filters, which cost far more than their bytes: each is compared with each of the packet, and with all retained topics. */
const FILTERS_BYTES = 16_384
const FILTERS = new Set([8, 10]) // SUBSCRIBE, UNSUBSCRIBE

/** Larger packets end the connection: MQTT 3.1.1 knows no other refusal. */
export class PacketTooLarge extends Error {}

/**
 * Counts the packets of a byte stream by their fixed headers (MQTT 3.1.1 §2.2), before anything is parsed or kept.
 */
export class PacketMeter {
  readonly #max: number
  /** Bytes of the packet's body still to come. */
  #body = 0
  /** Bytes of the fixed header seen so far. */
  #header = 0
  #length = 0
  #most = 0

  constructor(max: number) {
    this.#max = max
  }

  /** @throws {PacketTooLarge} */
  feed(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      if (this.#body > 0) {
        const skipped = Math.min(this.#body, chunk.length - at)
        this.#body -= skipped
        at += skipped
        continue
      }
      this.#headerByte(chunk[at] ?? 0)
      at += 1
    }
  }

  #headerByte(byte: number): void {
    this.#header += 1
    if (this.#header === 1) {
      this.#length = 0
      this.#most = FILTERS.has(byte >> 4) ? Math.min(FILTERS_BYTES, this.#max) : this.#max
      return
    }
    this.#length += (byte & 0x7f) * 128 ** (this.#header - 2)
    if (this.#length > this.#most || this.#header > 5) throw new PacketTooLarge()
    if (byte & 0x80) return
    this.#body = this.#length
    this.#header = 0
  }
}

/** Meters what is read of a connection: aedes takes its bytes by `read()` alone. */
export function meterPackets(stream: Duplex, max: number): void {
  const meter = new PacketMeter(max)
  const read = stream.read.bind(stream)
  stream.read = (size?: number): unknown => {
    const chunk: unknown = read(size)
    if (!(chunk instanceof Uint8Array)) return chunk
    try {
      meter.feed(chunk)
      return chunk
    } catch (error) {
      stream.destroy(error instanceof Error ? error : undefined)
      return null
    }
  }
}
