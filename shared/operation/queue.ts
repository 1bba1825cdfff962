import type { Acting } from '../access/acting.ts'
import { audit } from '../audit/record.ts'
import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { emit } from '../event/emit.ts'
import type { JsonObject } from '../json.ts'
import {
  cancelOperation,
  cancelStale,
  insertOperation,
  kickFunction,
  queueOperation,
  readOperation,
} from './queries.ts'

export interface NewOperation {
  /** `noun.bulk`, `allowlist.import`, `artifact.check`, `index.backfill`. */
  readonly kind: string
  /** The function that advances it. */
  readonly owner: string
  readonly input?: JsonObject
  readonly query?: string
  readonly total?: number
  /** Something is still to come before it may begin; `startStaged` hands it over. */
  readonly staged?: boolean
}

/** Records long work; whoever owns it goes on with it. After the commit: `kick`. */
export async function queueWork(tx: Db, acting: Acting, work: NewOperation): Promise<number> {
  const row = await tx.row(insertOperation, [
    work.kind,
    acting.actor,
    work.owner,
    JSON.stringify(work.input ?? {}),
    work.query ?? null,
    work.total ?? null,
    work.staged === true ? 'infinity' : '-infinity',
  ])
  if (row === undefined) throw new Error('an insert returned no row')
  await audit(tx, {
    ...acting,
    verb: 'operation.create',
    target: String(row.operation_id),
    detail: { kind: work.kind, ...(work.query !== undefined && { query: work.query }) },
  })
  return row.operation_id
}

/** Hands a staged operation over. Throws operation.illegal_transition when it is not waiting for that. */
export async function startStaged(tx: Db, id: number, total: number): Promise<void> {
  const row = await tx.row(queueOperation, [id, total])
  if (row === undefined) throw new DomainError('operation.illegal_transition')
}

/** Throws operation.not_found, operation.illegal_transition when it has ended. */
export async function cancelWork(tx: Db, acting: Acting, id: number): Promise<void> {
  const row = await tx.row(cancelOperation, [id])
  if (row === undefined) {
    const found = await tx.row(readOperation, [id])
    if (found === undefined) throw new DomainError('operation.not_found')
    throw new DomainError('operation.illegal_transition', { state: found.state })
  }
  await emit(tx, { kind: 'operation.cancelled', payload: { operation_id: String(id) } })
  await audit(tx, { ...acting, verb: 'operation.cancel', target: String(id) })
}

/** Ends what was staged before that moment and never handed over. */
export async function cancelForgotten(tx: Db, kind: string, before: Date): Promise<number[]> {
  const rows = await tx.rows(cancelStale, [kind, before])
  return rows.map((row) => row.operation_id)
}

/** Asks for a tick of a function now, instead of at its schedule; a hint after the commit, which may get lost. */
export async function kick(db: Db, functionName: string): Promise<void> {
  await db.rows(kickFunction, [functionName])
}
