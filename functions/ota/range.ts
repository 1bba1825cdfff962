export interface Range {
  readonly offset: number
  readonly length: number
}

const ONE = /^bytes=(?:(\d{1,15})-(\d{0,15})|-(\d{1,15}))$/

/**
 * Reads a Range header (RFC 9110 §14.2). Undefined: answer the whole, as for what is malformed, of another unit, or of several parts.
 * `none`: it lies outside, 416.
 */
export function readRange(header: string | undefined, size: number): Range | 'none' | undefined {
  const found = header === undefined ? null : ONE.exec(header.replaceAll(' ', ''))
  if (found === null) return undefined
  const [, first, last, suffix] = found
  if (suffix !== undefined) {
    const length = Math.min(Number(suffix), size)
    return length === 0 ? 'none' : { offset: size - length, length }
  }
  const offset = Number(first)
  const end = last === '' || last === undefined ? size - 1 : Math.min(Number(last), size - 1)
  if (last !== '' && last !== undefined && Number(last) < offset) return undefined
  return offset >= size ? 'none' : { offset, length: end - offset + 1 }
}

/** Whether a condition lets the range stand (§13.1.5): only our own strong tag does. */
export function rangeHolds(ifRange: string | undefined, etag: string): boolean {
  return ifRange === undefined || ifRange.trim() === etag
}
