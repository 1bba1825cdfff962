import type { ObjectStore } from '../storage/store.ts'
import { createDigest, type Digest, type Digests, type TrustedKey } from './digest.ts'

/** Files half read, by the operation that reads them: a hash cannot be put down in the database. */
export type Readings = Map<string, Reading>

interface Reading {
  readonly digest: Digest
  offset: number
}

interface Deps {
  readonly objects: ObjectStore
  readonly readings: Readings
}

export interface Readable {
  readonly object: string
  readonly size: bigint
  readonly signature: Uint8Array | undefined
  readonly keys: readonly TrustedKey[]
}

/** What one step reads: short of every time-out even where the disk gives 10 MiB/s. */
const SLICE_BYTES = 64 * 2 ** 20
const READINGS_MAX = 32

/**
 * Reads the next slice of a file. An instance that did not begin begins anew; each goes on with its own, so that the first one through ends it.
 * Undefined: not yet through. Null: the object is gone.
 */
export async function readOn(
  { objects, readings }: Deps,
  key: string,
  file: Readable,
): Promise<Digests | undefined | null> {
  const reading = readings.get(key) ?? {
    digest: createDigest(file.keys, file.signature),
    offset: 0,
  }
  remember(readings, key, reading)
  const range = { offset: reading.offset, length: SLICE_BYTES }
  const stored = await objects.get(file.object, range)
  if (stored === undefined) return null
  try {
    for await (const chunk of stored.body) {
      reading.digest.update(chunk)
      reading.offset += chunk.length
    }
  } catch (error) {
    // The hash has taken what the offset may not count.
    readings.delete(key)
    throw error
  }
  if (reading.offset < stored.bytes) return undefined
  readings.delete(key)
  return reading.digest.finish()
}

function remember(readings: Readings, key: string, reading: Reading): void {
  readings.set(key, reading)
  const [oldest] = readings.keys()
  if (readings.size > READINGS_MAX && oldest !== undefined) readings.delete(oldest)
}
