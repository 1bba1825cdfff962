import type { Acting } from '../access/acting.ts'
import { audit } from '../audit/record.ts'
import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { queueWork } from '../operation/queue.ts'
import type { FieldType } from './facts.ts'
import { canonicalName } from './field-name.ts'
import { deleteField, insertField, readFields, type FieldRow } from './queries.ts'

/** A declared leaf as it is shown. */
export interface Index {
  readonly name: string
  readonly type: FieldType
  /** False while the facts of what is stored are being written: no query may name it yet. */
  readonly ready: boolean
  readonly created_at: string
}

export const BACKFILL_KIND = 'index.backfill'
export const INDEXES_MAX = 100

const viewOf = ({ name, type, ready, created_at }: FieldRow): Index => ({
  name,
  type,
  ready,
  created_at: created_at.toISOString(),
})

export async function readIndexes(db: Db): Promise<Index[]> {
  return (await db.rows(readFields, [])).map(viewOf)
}

/** Throws index.not_found. */
export async function readIndex(db: Db, name: string): Promise<Index> {
  const found = (await readIndexes(db)).find((index) => index.name === name)
  if (found === undefined) throw new DomainError('index.not_found')
  return found
}

/**
 * Declares a leaf for search: from now on its facts are written with it, and an operation writes those of what is stored. After the commit: `kick`.
 * @throws {DomainError} index.invalid, index.exists
 */
export async function declareIndex(
  tx: Db,
  acting: Acting,
  { name, type }: { readonly name: string; readonly type: FieldType },
): Promise<{ readonly index: Index; readonly operation: number }> {
  const canonical = canonicalName(name)
  const row = await tx.row(insertField, [canonical, type, INDEXES_MAX])
  if (row === undefined) {
    const known = (await readIndexes(tx)).some((index) => index.name === canonical)
    if (known) throw new DomainError('index.exists')
    throw new DomainError('index.invalid', { detail: `at most ${INDEXES_MAX} leaves` })
  }
  const { field, xid } = row
  await audit(tx, { ...acting, verb: 'index.create', target: canonical, detail: { type } })
  const operation = await queueWork(tx, acting, {
    kind: BACKFILL_KIND,
    owner: 'shadow-update',
    input: { change: { add: canonical, type }, field, xid },
  })
  return { index: viewOf(row), operation }
}

/**
 * Takes a declaration back; its facts go in an operation. After the commit: `kick`.
 * @throws {DomainError} index.not_found
 */
export async function removeIndex(tx: Db, acting: Acting, name: string): Promise<void> {
  const row = await tx.row(deleteField, [name])
  if (row === undefined) throw new DomainError('index.not_found')
  const { field, xid } = row
  await audit(tx, { ...acting, verb: 'index.delete', target: name })
  await queueWork(tx, acting, {
    kind: BACKFILL_KIND,
    owner: 'shadow-update',
    input: { change: { remove: name }, field, xid, gone: true },
  })
}
