import type { Database } from '../db/database.ts'
import { transaction } from '../db/transaction.ts'
import { DomainError } from '../errors.ts'
import type { SaveSlice } from '../operation/advance.ts'
import type { Operation, Slice } from '../operation/operation.ts'
import { readSettings } from '../setting/read.ts'
import type { ObjectStore } from '../storage/store.ts'
import { recordArtifact, tellRefusal } from './artifacts.ts'
import type { Digests } from './digest.ts'
import { trustedKeys } from './keys.ts'
import { findUpload } from './read-upload.ts'
import { readOn, type Readings } from './reading.ts'
import { endCheck } from './upload-queries.ts'
import type { Upload } from './upload.ts'
import { judge } from './verdict.ts'

interface Deps {
  readonly db: Database
  readonly objects: ObjectStore
  readonly readings: Readings
}

/** One slice of reading an upload: hashes, signature, then the artifact or the reason why not. */
export async function checkUpload(
  deps: Deps,
  operation: Operation,
  save: SaveSlice,
): Promise<void> {
  const { db, objects } = deps
  const id = operation.input['upload_id']
  if (typeof id !== 'string') throw new TypeError('an operation without its upload')
  const upload = await findUpload({ db }, id)
  try {
    const digests = await readUploadOn(deps, operation, upload)
    if (digests === undefined) {
      await transaction(db, (tx) => save(tx, { cursor: 'reading', done: 0, failed: 0 }))
    } else await accept(deps, operation, upload, digests, save)
  } catch (error) {
    if (!(error instanceof DomainError) || error.code.startsWith('storage.')) throw error
    await refuse(deps, operation, upload, error, save)
    await objects.delete(upload.object)
  }
}

async function readUploadOn(
  { db, objects, readings }: Deps,
  operation: Operation,
  upload: Upload,
): Promise<Digests | undefined> {
  const { object, store_upload: storeUpload, size } = upload
  if (operation.cursor === null) {
    const parts = upload.parts.map(({ part, size: bytes, tag }) => ({ number: part, bytes, tag }))
    await objects.completeUpload(object, storeUpload, parts)
  }
  const digests = await readOn({ objects, readings }, `upload ${upload.upload_id}`, {
    object,
    size,
    signature: upload.signature ?? undefined,
    keys: await trustedKeys(db),
  })
  if (digests === null) throw new DomainError('upload.incomplete', { detail: 'the store lost it' })
  return digests
}

const ended = (upload: Upload, end: 'succeeded' | 'failed', error?: DomainError): Slice => ({
  cursor: 'read',
  done: end === 'succeeded' ? 1 : 0,
  failed: end === 'failed' ? 1 : 0,
  end,
  results: [{ key: upload.upload_id, state: end, ...(error && told(error)) }],
})

function told({ code, details, message }: DomainError): { code: string; detail: string } {
  const { detail } = details
  return { code, detail: typeof detail === 'string' ? detail : message }
}

async function accept(
  { db }: Deps,
  { actor }: Operation,
  upload: Upload,
  digests: Digests,
  save: SaveSlice,
): Promise<void> {
  const settings = await readSettings(db)
  const signature = judge(digests, {
    sha256: upload.sha256,
    bytes: upload.size,
    signed: upload.signature !== null,
    allowUnsigned: settings['artifact.allow_unsigned'],
  })
  const { name, version, object } = upload
  await transaction(db, async (tx) => {
    const made = { name, version, object, digests, signature }
    const artifact = await recordArtifact(tx, { actor }, made)
    await tx.rows(endCheck, [upload.upload_id, 'ready', artifact.artifact_id, null, null])
    await save(tx, ended(upload, 'succeeded'))
  })
}

async function refuse(
  { db }: Deps,
  { actor }: Operation,
  upload: Upload,
  error: DomainError,
  save: SaveSlice,
): Promise<void> {
  const { code, detail } = told(error)
  await transaction(db, async (tx) => {
    await tx.rows(endCheck, [upload.upload_id, 'refused', null, code, detail])
    await tellRefusal(tx, { actor }, upload.name, error)
    await save(tx, ended(upload, 'failed', error))
  })
}
