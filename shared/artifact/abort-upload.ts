import type { Acting } from '../access/acting.ts'
import { audit } from '../audit/record.ts'
import type { Clock } from '../clock.ts'
import type { Database } from '../db/database.ts'
import { transaction } from '../db/transaction.ts'
import { DomainError } from '../errors.ts'
import type { ObjectStore } from '../storage/store.ts'
import { findUpload } from './read-upload.ts'
import { deleteUpload, endCancelledChecks, readExpiredUploads } from './upload-queries.ts'

const SWEEP = 100

interface Deps {
  readonly db: Database
  readonly objects: ObjectStore
}

/**
 * Forgets an upload and its parts; an artifact that it became stays.
 * @throws {DomainError} upload.not_found, upload.illegal_transition while it is being checked
 */
export async function abortUpload({ db, objects }: Deps, by: Acting, id: string): Promise<void> {
  const upload = await findUpload({ db }, id)
  await transaction(db, async (tx) => {
    const gone = await tx.row(deleteUpload, [id])
    if (gone === undefined) throw new DomainError('upload.illegal_transition')
    await audit(tx, { ...by, verb: 'upload.delete', target: id })
  })
  if (upload.state === 'open') await objects.abortUpload(upload.object, upload.store_upload)
}

/** Forgets uploads that nobody went on with for a week, and the files of checks that an operator cancelled. */
export async function sweepUploads({ db, objects, clock }: Deps & { clock: Clock }): Promise<void> {
  for (const { upload_id: id } of await db.rows(endCancelledChecks, [])) {
    const { object } = await findUpload({ db }, id)
    await objects.delete(object)
  }
  for (const { upload_id: id } of await db.rows(readExpiredUploads, [clock.now(), SWEEP])) {
    const upload = await findUpload({ db }, id)
    if (upload.state === 'open') await objects.abortUpload(upload.object, upload.store_upload)
    await db.rows(deleteUpload, [id])
  }
}
