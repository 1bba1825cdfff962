import { randomUUID } from 'node:crypto'
import type { Acting } from '../access/acting.ts'
import type { Database } from '../db/database.ts'
import { transaction } from '../db/transaction.ts'
import { DomainError } from '../errors.ts'
import { readSettings } from '../setting/read.ts'
import type { ObjectStore } from '../storage/store.ts'
import type { ArtifactRow } from './artifact.ts'
import { recordArtifact, tellRefusal } from './artifacts.ts'
import { createDigest, type Digest } from './digest.ts'
import { trustedKeys } from './keys.ts'
import { judge } from './verdict.ts'

interface Deps {
  readonly db: Database
  readonly objects: ObjectStore
}

export interface WholeFile {
  readonly name: string
  readonly version: string
  readonly signature: Buffer | undefined
  /** What the sender says that it hashes to. */
  readonly sha256: Buffer | undefined
  readonly body: AsyncIterable<Uint8Array>
}

async function* digested(body: AsyncIterable<Uint8Array>, digest: Digest) {
  for await (const chunk of body) {
    digest.update(chunk)
    yield chunk
  }
}

/** Takes a whole file in one request, hashed and verified while it comes. */
export async function storeArtifact(
  { db, objects }: Deps,
  by: Acting,
  file: WholeFile,
): Promise<ArtifactRow> {
  const settings = await readSettings(db)
  const allowUnsigned = settings['artifact.allow_unsigned']
  if (file.signature === undefined && !allowUnsigned) {
    // Said before 256 MiB have come in vain.
    throw new DomainError('artifact.signature_untrusted', { detail: 'no signature was given' })
  }
  const object = `artifacts/${randomUUID()}`
  const digest = createDigest(await trustedKeys(db), file.signature)
  await objects.put(object, digested(file.body, digest))
  try {
    const digests = digest.finish()
    if (digests.bytes === 0) throw new DomainError('request.invalid', { detail: 'an empty file' })
    const signed = file.signature !== undefined
    const signature = judge(digests, { sha256: file.sha256, signed, allowUnsigned })
    const { name, version } = file
    return await transaction(db, (tx) =>
      recordArtifact(tx, by, { name, version, object, digests, signature }),
    )
  } catch (error) {
    await objects.delete(object)
    if (error instanceof DomainError) {
      await transaction(db, (tx) => tellRefusal(tx, by, file.name, error))
    }
    throw error
  }
}
