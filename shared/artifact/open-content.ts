import { createHash } from 'node:crypto'
import { DomainError } from '../errors.ts'
import type { ByteRange, ObjectStore } from '../storage/store.ts'
import type { ArtifactRow } from './artifact.ts'

interface Deps {
  readonly objects: ObjectStore
}

/** The bytes of an artifact, or of a range of it. A whole one that is not what was verified breaks off before its last byte. */
export async function openContent(
  { objects }: Deps,
  artifact: ArtifactRow,
  range?: ByteRange,
): Promise<ReadableStream<Uint8Array>> {
  const stored = await objects.get(artifact.object, range)
  if (stored === undefined || BigInt(stored.bytes) !== artifact.size) {
    await stored?.body.cancel()
    const cause = new Error(`artifact ${artifact.artifact_id}: the object is not there as it was`)
    throw new DomainError('storage.unavailable', {}, { cause })
  }
  return range === undefined ? stored.body.pipeThrough(guard(artifact.sha256)) : stored.body
}

// Holds the newest chunk back until the next has come, so that the last one leaves only after the hash was compared.
function guard(sha256: Buffer): TransformStream<Uint8Array, Uint8Array> {
  const hash = createHash('sha256')
  let held: Uint8Array | undefined
  return new TransformStream({
    transform: (chunk, controller) => {
      hash.update(chunk)
      if (held !== undefined) controller.enqueue(held)
      held = chunk
    },
    flush: (controller) => {
      if (!hash.digest().equals(sha256)) {
        controller.error(new Error('the object in the store is not the artifact'))
      } else if (held !== undefined) controller.enqueue(held)
    },
  })
}
