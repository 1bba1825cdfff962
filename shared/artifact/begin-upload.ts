import { randomUUID } from 'node:crypto'
import type { Acting } from '../access/acting.ts'
import { audit } from '../audit/record.ts'
import type { Clock } from '../clock.ts'
import type { Database } from '../db/database.ts'
import { transaction } from '../db/transaction.ts'
import { DomainError } from '../errors.ts'
import type { ObjectStore } from '../storage/store.ts'
import { readArtifactBySha256 } from './queries.ts'
import { readUploadOf } from './read-upload.ts'
import { insertUpload, resumeUpload } from './upload-queries.ts'
import { partCount, PARTS_MAX, type Upload } from './upload.ts'

const KEPT_MS = 7 * 24 * 3_600_000

interface Deps {
  readonly db: Database
  readonly clock: Clock
  readonly objects: ObjectStore
  readonly partBytes: number
  readonly artifactMaxBytes: number
}

export interface NewUpload {
  readonly name: string
  readonly version: string
  readonly bytes: number
  readonly sha256: Buffer
  readonly signature: Buffer | undefined
}

/** Begins an upload in parts; an open one of the same content goes on with the parts that it has. */
export async function beginUpload(
  deps: Deps,
  by: Acting,
  file: NewUpload,
): Promise<{ upload: Upload; resumed: boolean }> {
  const { db, clock, objects, partBytes, artifactMaxBytes } = deps
  const { name, version, sha256, signature = null } = file
  const size = BigInt(file.bytes)
  if (file.bytes > artifactMaxBytes || partCount(size, partBytes) > PARTS_MAX) {
    throw new DomainError('request.too_large', { limit_bytes: artifactMaxBytes })
  }
  await refuseKnown(db, sha256)
  const expiresAt = new Date(clock.now().getTime() + KEPT_MS)
  const again = () => db.row(resumeUpload, [sha256, size, name, version, signature, expiresAt])
  const open = await again()
  if (open !== undefined) return { upload: await readUploadOf({ db }, open), resumed: true }
  const id = randomUUID()
  const object = `artifacts/${id}`
  const storeUpload = await objects.beginUpload(object)
  const made = await transaction(db, async (tx) => {
    const row = await tx.row(insertUpload, [
      ...([id, name, 'raw', version, size, sha256, signature] as const),
      ...([object, storeUpload, by.actor, expiresAt] as const),
    ])
    if (row !== undefined) await audit(tx, { ...by, verb: 'upload.begin', target: id })
    return row
  })
  if (made !== undefined) return { upload: { ...made, parts: [] }, resumed: false }
  // Two began at once: the other one's stands.
  await objects.abortUpload(object, storeUpload)
  const other = await again()
  if (other === undefined) throw new DomainError('upload.illegal_transition')
  return { upload: await readUploadOf({ db }, other), resumed: true }
}

/** @throws {DomainError} artifact.exists, with its id */
export async function refuseKnown(db: Database, sha256: Buffer): Promise<void> {
  const known = await db.row(readArtifactBySha256, [sha256])
  if (known === undefined) return
  throw new DomainError('artifact.exists', { artifact_id: String(known.artifact_id) })
}
