import { createHash } from 'node:crypto'
import type { Database } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import type { ObjectStore } from '../storage/store.ts'
import { findUpload } from './read-upload.ts'
import { writePart } from './upload-queries.ts'
import { partSize, type PartRow } from './upload.ts'

interface Deps {
  readonly db: Database
  readonly objects: ObjectStore
  readonly partBytes: number
}

export interface NewPart {
  readonly uploadId: string
  readonly number: number
  /** What the sender says that its content hashes to. */
  readonly sha256: Buffer
  readonly content: Uint8Array
}

/** Takes a part, in any order, again at will: the last content of a number stands. */
export async function putPart(
  { db, objects, partBytes }: Deps,
  { uploadId, number, sha256, content }: NewPart,
): Promise<PartRow> {
  const upload = await findUpload({ db }, uploadId)
  if (upload.state !== 'open') {
    throw new DomainError('upload.illegal_transition', { state: upload.state })
  }
  const size = partSize(upload.size, partBytes, number)
  if (size === undefined) {
    throw new DomainError('request.invalid', { detail: `the file has no part ${number}` })
  }
  if (content.length !== size) {
    const detail = `part ${number} has ${size} bytes, ${content.length} came`
    throw new DomainError('request.invalid', { detail })
  }
  const found = createHash('sha256').update(content).digest()
  if (!found.equals(sha256)) throw new DomainError('upload.digest_mismatch')
  const stored = await objects.putPart(upload.object, upload.store_upload, number, content)
  const row = await db.row(writePart, [uploadId, number, stored.bytes, stored.tag])
  if (row === undefined) throw new DomainError('upload.illegal_transition')
  return { part: number, size: stored.bytes, tag: stored.tag }
}
