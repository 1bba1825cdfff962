import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { isJsonObject, type Json, type JsonObject } from '../json.ts'
import type { OperationState } from './operation.ts'
import { listOperations, listResults, readOperation, type OperationRow } from './queries.ts'

/** An operation as it is shown. */
export interface OperationView {
  readonly id: string
  readonly kind: string
  readonly state: OperationState
  readonly actor: string
  readonly query: string | null
  /** What is to be done, as it was asked. */
  readonly change: Json
  readonly total: number | null
  readonly done: number
  readonly failed: number
  readonly created_at: string
  readonly finished_at: string | null
}

export interface ResultView {
  readonly device_id: string
  readonly state: string
  readonly code: string | null
  readonly detail: string | null
  readonly at: string
}

function toView(row: OperationRow): OperationView {
  const input: JsonObject = isJsonObject(row.input) ? row.input : {}
  return {
    id: String(row.operation_id),
    kind: row.kind,
    state: row.state,
    actor: row.actor,
    query: row.query,
    change: input['change'] ?? null,
    total: row.total,
    done: row.done,
    failed: row.failed,
    created_at: row.created_at.toISOString(),
    finished_at: row.finished_at?.toISOString() ?? null,
  }
}

/** Throws operation.not_found. */
export async function findOperation(db: Db, id: number): Promise<OperationView> {
  const row = await db.row(readOperation, [id])
  if (row === undefined) throw new DomainError('operation.not_found')
  return toView(row)
}

export interface OperationFilter {
  readonly kind?: string | undefined
  readonly state?: string | undefined
}

/** Newest first. */
export async function pageOperations(
  db: Db,
  filter: OperationFilter,
  before: number | null,
  limit: number,
): Promise<OperationView[]> {
  const { kind = null, state = null } = filter
  return (await db.rows(listOperations, [kind, state, before, limit])).map(toView)
}

/** What became of single things, in order of their keys. Throws operation.not_found. */
export async function pageResults(
  db: Db,
  id: number,
  state: string | null,
  after: string | null,
  limit: number,
): Promise<ResultView[]> {
  await findOperation(db, id)
  const rows = await db.rows(listResults, [id, state, after, limit])
  return rows.map(({ device_id, state: ended, code, detail, at }) => ({
    device_id,
    state: ended,
    code,
    detail,
    at: at.toISOString(),
  }))
}
