import type { Acting } from '../access/acting.ts'
import type { Database } from '../db/database.ts'
import { transaction } from '../db/transaction.ts'
import { DomainError } from '../errors.ts'
import { kick, queueWork } from '../operation/queue.ts'
import { findUpload, readUploadOf } from './read-upload.ts'
import { beginCheck, lockUpload } from './upload-queries.ts'
import { missingParts, type Upload } from './upload.ts'

interface Deps {
  readonly db: Database
  readonly partBytes: number
}

/** The operation's kind: reads an upload and makes it an artifact, or refuses it. */
export const CHECK_KIND = 'artifact.check'

/** Ends an upload: what was sent is read and verified by an operation. Again at will. */
export async function completeUpload(
  { db, partBytes }: Deps,
  by: Acting,
  id: string,
): Promise<Upload> {
  const upload = await transaction(db, async (tx) => {
    const row = await tx.row(lockUpload, [id])
    if (row === undefined) throw new DomainError('upload.not_found')
    if (row.state !== 'open') return findUpload({ db: tx }, id)
    const missing = missingParts(await readUploadOf({ db: tx }, row), partBytes)
    if (missing.length > 0) {
      throw new DomainError('upload.incomplete', { missing: missing.slice(0, 100) })
    }
    const input = { upload_id: id, change: { check: row.name } }
    const operation = await queueWork(tx, by, { kind: CHECK_KIND, owner: 'ota', input, total: 1 })
    await tx.rows(beginCheck, [id, operation])
    return findUpload({ db: tx }, id)
  })
  await kick(db, 'ota')
  return upload
}
