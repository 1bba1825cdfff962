import { TAG } from './der-read.ts'

/** An element: tag, length, and the parts in order. */
export function tlv(tag: number, ...parts: readonly Buffer[]): Buffer {
  let length = 0
  for (const part of parts) length += part.length
  const head = header(tag, length)
  return Buffer.concat([head, ...parts], head.length + length)
}

/** Tag and minimal length. */
export function header(tag: number, length: number): Buffer {
  if (length < 0x80) return Buffer.from([tag, length])
  const octets = length < 0x100 ? 1 : length < 0x1_0000 ? 2 : length < 0x100_0000 ? 3 : 4
  const head = Buffer.allocUnsafe(2 + octets)
  head[0] = tag
  head[1] = 0x80 | octets
  head.writeUIntBE(length, 2, octets)
  return head
}

export const sequence = (...parts: readonly Buffer[]): Buffer => tlv(TAG.sequence, ...parts)
export const set = (...parts: readonly Buffer[]): Buffer => tlv(TAG.set, ...parts)
export const octetString = (...parts: readonly Buffer[]): Buffer => tlv(TAG.octetString, ...parts)
export const utf8String = (text: string): Buffer => tlv(TAG.utf8String, Buffer.from(text, 'utf8'))
export const ia5 = (tag: number, text: string): Buffer => tlv(tag, Buffer.from(text, 'latin1'))
export const context = (number: number, ...parts: readonly Buffer[]): Buffer =>
  tlv(0xa0 | number, ...parts)

const NO_UNUSED_BITS = Buffer.from([0])
export const TRUE = Buffer.from([TAG.boolean, 1, 0xff])
export const NULL = Buffer.from([TAG.null, 0])

/** A BIT STRING of whole bytes. */
export const bitString = (bytes: Buffer): Buffer => tlv(TAG.bitString, NO_UNUSED_BITS, bytes)

/** A non-negative INTEGER of big-endian bytes, minimal and with a sign byte where one is needed. */
export function integer(bytes: Buffer): Buffer {
  let at = 0
  while (at < bytes.length - 1 && bytes[at] === 0) at++
  const value = bytes.subarray(at)
  if (value.length === 0) return tlv(TAG.integer, NO_UNUSED_BITS)
  return value.readUInt8(0) >= 0x80
    ? tlv(TAG.integer, NO_UNUSED_BITS, value)
    : tlv(TAG.integer, value)
}

/** A non-negative INTEGER of a number. */
export function integerOf(value: bigint | number): Buffer {
  const digits = BigInt(value).toString(16)
  return integer(Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex'))
}

/** An OBJECT IDENTIFIER of dotted numbers. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes: number[] = []
  for (const part of [first * 40 + second, ...rest]) {
    const groups = [part & 0x7f]
    for (let high = Math.floor(part / 128); high > 0; high = Math.floor(high / 128)) {
      groups.unshift((high & 0x7f) | 0x80)
    }
    bytes.push(...groups)
  }
  return tlv(TAG.oid, Buffer.from(bytes))
}

const digits = (value: number, width: number): string => String(value).padStart(width, '0')

/** RFC 5280 §4.1.2.5: UTCTime through 2049, GeneralizedTime after; whole seconds. */
export function time(at: Date): Buffer {
  const year = at.getUTCFullYear()
  const rest =
    digits(at.getUTCMonth() + 1, 2) +
    digits(at.getUTCDate(), 2) +
    digits(at.getUTCHours(), 2) +
    digits(at.getUTCMinutes(), 2) +
    digits(at.getUTCSeconds(), 2) +
    'Z'
  return year < 2050
    ? ia5(TAG.utcTime, digits(year % 100, 2) + rest)
    : ia5(TAG.generalizedTime, digits(year, 4) + rest)
}
