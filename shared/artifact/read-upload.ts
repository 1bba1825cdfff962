import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { listUploads, readParts, readUpload } from './upload-queries.ts'
import type { Upload, UploadRow, UploadState } from './upload.ts'

interface Deps {
  readonly db: Db
}

/** @throws {DomainError} upload.not_found */
export async function findUpload(deps: Deps, id: string): Promise<Upload> {
  const row = await deps.db.row(readUpload, [id])
  if (row === undefined) throw new DomainError('upload.not_found')
  return readUploadOf(deps, row)
}

/** The upload with its parts. */
export async function readUploadOf({ db }: Deps, row: UploadRow): Promise<Upload> {
  return { ...row, parts: await db.rows(readParts, [[row.upload_id]]) }
}

/** Uploads by id, those after `after`. */
export async function pageOfUploads(
  { db }: Deps,
  state: UploadState | undefined,
  after: string | undefined,
  limit: number,
): Promise<Upload[]> {
  const rows = await db.rows(listUploads, [state ?? null, after ?? null, limit])
  const parts = await db.rows(readParts, [rows.map((row) => row.upload_id)])
  return rows.map((row) =>
    Object.assign(row, {
      parts: parts.filter((part) => part.upload_id === row.upload_id),
    }),
  )
}
