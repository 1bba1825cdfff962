// A strict reader of DER (X.690): definite, minimal lengths, one encoding for each value, nothing behind the end. It walks a
// buffer by offsets and copies nothing, because it stands in front of everything a stranger sends.

/** One element: `at` its first byte, `start` its content, `end` the byte behind it. */
export interface Element {
  readonly tag: number
  readonly at: number
  readonly start: number
  readonly end: number
}

/** What is wrong with the bytes; safe to show to whoever sent them. */
export class DerError extends Error {
  override readonly name = 'DerError'
}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

export const MAX_DEPTH = 16
const CONSTRUCTED = 0x20
const MULTI_BYTE_TAG = 0x1f

/** The element at an offset; it must end within `end`. */
export function element(der: Buffer, at: number, end: number): Element {
  if (at + 2 > end) throw new DerError('an element is cut off')
  const tag = byte(der, at)
  if ((tag & MULTI_BYTE_TAG) === MULTI_BYTE_TAG) throw new DerError('a tag has several bytes')
  const first = byte(der, at + 1)
  if (first < 0x80) return bounded(tag, at, at + 2, first, end)
  const octets = first & 0x7f
  if (octets === 0) throw new DerError('a length is indefinite')
  if (octets > 4 || at + 2 + octets > end) throw new DerError('a length is out of bounds')
  const length = der.readUIntBE(at + 2, octets)
  if (length < 0x80 || length < 2 ** (8 * (octets - 1))) {
    throw new DerError('a length is not minimal')
  }
  return bounded(tag, at, at + 2 + octets, length, end)
}

function bounded(tag: number, at: number, start: number, length: number, end: number): Element {
  if (start + length > end) throw new DerError('an element exceeds its parent')
  return { tag, at, start, end: start + length }
}

function byte(der: Buffer, at: number): number {
  const value = der[at]
  if (value === undefined) throw new DerError('an element is cut off')
  return value
}

/** The element at an offset, which must have this tag. */
export function expect(der: Buffer, at: number, end: number, tag: number): Element {
  const found = element(der, at, end)
  if (found.tag !== tag) throw new DerError(`tag ${hex(found.tag)} where ${hex(tag)} belongs`)
  return found
}

/** The one element that the whole buffer is. */
export function only(der: Buffer, tag: number): Element {
  const found = expect(der, 0, der.length, tag)
  if (found.end !== der.length) throw new DerError('bytes follow the end')
  return found
}

/** The elements within a constructed one. */
export function children(der: Buffer, parent: Element): Element[] {
  const found: Element[] = []
  for (let at = parent.start; at < parent.end;) {
    const child = element(der, at, parent.end)
    found.push(child)
    at = child.end
  }
  return found
}

/** Content without header. */
export function content(der: Buffer, of: Element): Buffer {
  return der.subarray(of.start, of.end)
}

/** Header and content. */
export function whole(der: Buffer, of: Element): Buffer {
  return der.subarray(of.at, of.end)
}

/** True where the element's bytes, header included, are these. */
export function equals(der: Buffer, of: Element, bytes: Buffer): boolean {
  return der.compare(bytes, 0, bytes.length, of.at, of.end) === 0
}

/** Content of a BIT STRING that counts whole bytes, as keys and signatures do. */
export function bits(der: Buffer, of: Element): Buffer {
  if (of.tag !== TAG.bitString || der[of.start] !== 0) throw new DerError('no whole bit string')
  return der.subarray(of.start + 1, of.end)
}

/** Walks the whole tree: depth, primitive and constructed forms, and the one encoding of each simple value. */
export function checkTree(der: Buffer, root: Element, depth = 1): void {
  if (depth > MAX_DEPTH) throw new DerError(`nested deeper than ${MAX_DEPTH}`)
  checkForm(root.tag)
  if ((root.tag & CONSTRUCTED) === 0) {
    checkPrimitive(der, root)
    return
  }
  for (let at = root.start; at < root.end;) {
    const child = element(der, at, root.end)
    checkTree(der, child, depth + 1)
    at = child.end
  }
}

// Of the universal types only SEQUENCE and SET are constructed in DER; strings in pieces are BER.
function checkForm(tag: number): void {
  if (tag >= 0x40) return
  const constructed = (tag & CONSTRUCTED) !== 0
  const number = tag & MULTI_BYTE_TAG
  if (number === 0 || constructed !== (number === 0x10 || number === 0x11)) {
    throw new DerError(`tag ${hex(tag)} is not DER`)
  }
}

function checkPrimitive(der: Buffer, of: Element): void {
  const value = content(der, of)
  const fault = PRIMITIVE[of.tag]?.(value)
  if (fault !== undefined) throw new DerError(fault)
}

const PRIMITIVE: Readonly<Record<number, (value: Buffer) => string | undefined>> = {
  [TAG.boolean]: (value) =>
    value.length === 1 && (value[0] === 0 || value[0] === 0xff)
      ? undefined
      : 'a boolean is not DER',
  [TAG.integer]: integerFault,
  [TAG.enumerated]: integerFault,
  [TAG.bitString]: bitStringFault,
  [TAG.null]: (value) => (value.length === 0 ? undefined : 'a null has content'),
  [TAG.oid]: oidFault,
  [TAG.utf8String]: (value) => (isUtf8(value) ? undefined : 'a string is not UTF-8'),
  [TAG.printableString]: (value) =>
    /^[A-Za-z0-9 '()+,\-./:=?]*$/.test(value.toString('latin1'))
      ? undefined
      : 'a string is not printable',
  [TAG.ia5String]: (value) => (value.every((b) => b < 0x80) ? undefined : 'a string is not ASCII'),
  [TAG.utcTime]: (value) =>
    /^\d{12}Z$/.test(value.toString('latin1')) ? undefined : 'a time is not DER',
  [TAG.generalizedTime]: (value) =>
    /^\d{14}Z$/.test(value.toString('latin1')) ? undefined : 'a time is not DER',
  // BMPString and UniversalString: whole characters, which OpenSSL asks for as well.
  0x1e: (value) => (value.length % 2 === 0 ? undefined : 'a string is cut off'),
  0x1c: (value) => (value.length % 4 === 0 ? undefined : 'a string is cut off'),
}

function integerFault(value: Buffer): string | undefined {
  const [first, second] = value
  if (first === undefined) return 'an integer is empty'
  if (second === undefined) return undefined
  const padded = (first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)
  return padded ? 'an integer is not minimal' : undefined
}

function bitStringFault(value: Buffer): string | undefined {
  const unused = value[0]
  if (unused === undefined || unused > 7) return 'a bit string is not DER'
  if (unused === 0) return undefined
  const last = value.length > 1 ? value.readUInt8(value.length - 1) : undefined
  return last === undefined || (last & ((1 << unused) - 1)) !== 0
    ? 'a bit string is not DER'
    : undefined
}

function oidFault(value: Buffer): string | undefined {
  const last = value.at(-1)
  if (last === undefined || last >= 0x80) return 'an object identifier is cut off'
  let begins = true
  for (const part of value) {
    if (begins && part === 0x80) return 'an object identifier is not minimal'
    begins = part < 0x80
  }
  return undefined
}

function isUtf8(value: Buffer): boolean {
  return Buffer.from(value.toString('utf8'), 'utf8').equals(value)
}

function hex(tag: number): string {
  return `0x${tag.toString(16).padStart(2, '0')}`
}
