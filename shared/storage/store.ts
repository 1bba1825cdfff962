/** Every part of an upload but the last has exactly this size: at S3 it is S3's part, on disk it is where the part lies. */
export const PART_BYTES = 8 * 2 ** 20

/** `artifacts/17`: words of small letters, digits, `.`, `_`, `-`, separated by `/`; a word does not begin with a dot. */
const KEY = /^[a-z0-9][a-z0-9._-]{0,127}(\/[a-z0-9][a-z0-9._-]{0,127}){0,7}$/

export interface ByteRange {
  readonly offset: number
  /** To the end, where absent. */
  readonly length?: number
}

export interface StoredObject {
  /** Of the whole object, whatever range is read. */
  readonly bytes: number
  /** The range's bytes. Whoever does not read to the end cancels. */
  readonly body: ReadableStream<Uint8Array>
}

/** A part that the store has; whoever uploads keeps it until the upload is complete. */
export interface StoredPart {
  readonly number: number
  readonly bytes: number
  /** The store's own mark of the content. */
  readonly tag: string
}

/**
 * Firmware and other large objects, by key. What a call has returned from survives a crash; an object is seen whole or not at all.
 * A full disk is `storage.full`, a store that does not answer `storage.unavailable`.
 */
export interface ObjectStore {
  /** Stores a whole object, in place of an older one. The length need not be known. */
  put(key: string, body: AsyncIterable<Uint8Array>): Promise<{ readonly bytes: number }>
  /** Begins an upload in parts; the returned text names it in the next calls, from any process. */
  beginUpload(key: string): Promise<string>
  /** Parts count from 1; any order, any number at once, again at will: the last content of a number stands. */
  putPart(key: string, upload: string, number: number, content: Uint8Array): Promise<StoredPart>
  /** Makes the object of the parts 1 to n, in one step. */
  completeUpload(key: string, upload: string, parts: readonly StoredPart[]): Promise<void>
  /** Forgets an upload; one that is gone already, too. */
  abortUpload(key: string, upload: string): Promise<void>
  /** Undefined where there is no such object. A range begins within the object. */
  get(key: string, range?: ByteRange): Promise<StoredObject | undefined>
  /** An address of the object below an edge that passes `/files/` on to the store, good for so long; absent where the store is no server. */
  address?(key: string, edge: URL, seconds: number): Promise<string>
  head(key: string): Promise<{ readonly bytes: number } | undefined>
  /** Deletes an object; one that is gone already, too. */
  delete(key: string): Promise<void>
  /** Throws where the store cannot be used: for health, and once at start. */
  check(): Promise<void>
}

/** Throws on a key that is not one of ours: a fault of the caller, never of a client. */
export function checkedKey(key: string): string {
  if (!KEY.test(key)) throw new TypeError(`not a key of the object store: ${key}`)
  return key
}

/** Throws unless the parts are 1 to n and each but the last is of full size. */
export function checkedParts(parts: readonly StoredPart[]): readonly StoredPart[] {
  const sound = parts.every(
    (part, index) =>
      part.number === index + 1 && (part.bytes === PART_BYTES || index === parts.length - 1),
  )
  if (!sound || parts.length === 0) throw new TypeError('parts of an upload are missing or short')
  return parts
}
