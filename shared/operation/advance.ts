import { randomUUID } from 'node:crypto'
import type { Database, Db } from '../db/database.ts'
import { emit } from '../event/emit.ts'
import { isJsonObject, type JsonObject } from '../json.ts'
import type { Operation, Slice } from './operation.ts'
import {
  claimOperation,
  insertResults,
  releaseOperation,
  saveSlice,
  type OperationRow,
} from './queries.ts'

/**
 * Does one slice. The changes, the results and the progress commit together: call `save` within their transaction.
 * What was lost (the lease, or the operation by a cancel) makes `save` throw, which rolls the slice back.
 */
export type Step = (operation: Operation, save: SaveSlice) => Promise<void>
export type SaveSlice = (tx: Db, slice: Slice) => Promise<void>

export interface AdvanceOptions {
  readonly db: Database
  /** The function's name: it advances only what is its own. */
  readonly owner: string
  readonly steps: Readonly<Record<string, Step>>
  /** When to leave the rest to the next tick. */
  readonly budgetMs?: number
  /** Told of a step that failed: it is tried again after a while. */
  readonly failed?: (operation: Operation, error: unknown) => void
}

const LEASE_SECONDS = 30
const BACK_OFF_SECONDS = 10
const BUDGET_MS = 8_000

/** The lease or the operation went to someone else, or was cancelled, while a slice was under way. */
export class LostOperation extends Error {}

/** Claims operations one after the other and goes on with them until the time is up or nothing is left. */
export async function advanceOperations(options: AdvanceOptions): Promise<void> {
  const { db, owner, budgetMs = BUDGET_MS } = options
  const end = performance.now() + budgetMs
  const holder = randomUUID()
  while (performance.now() < end) {
    const row = await db.row(claimOperation, [owner, holder, LEASE_SECONDS])
    if (row === undefined) return
    await advanceOne(options, toOperation(row, holder), end)
  }
}

async function advanceOne(options: AdvanceOptions, claimed: Operation, end: number): Promise<void> {
  const { db, steps } = options
  const step = steps[claimed.kind]
  const release = (seconds: number) =>
    db.rows(releaseOperation, [claimed.id, claimed.holder, seconds])
  let operation = claimed
  let ended = false
  const save: SaveSlice = async (tx, slice) => {
    operation = await saved(tx, operation, slice)
    ended = slice.end !== undefined
  }
  try {
    if (step === undefined) throw new Error(`nobody knows how to do ${claimed.kind}`)
    for (;;) {
      await step(operation, save)
      if (ended) return
      if (performance.now() >= end) break
    }
    await release(0)
  } catch (error) {
    if (error instanceof LostOperation) return
    options.failed?.(operation, error)
    await release(BACK_OFF_SECONDS)
  }
}

async function saved(tx: Db, operation: Operation, slice: Slice): Promise<Operation> {
  const { results = [] } = slice
  const row = await tx.row(saveSlice, [
    operation.id,
    operation.holder,
    slice.cursor,
    slice.done,
    slice.failed,
    slice.total ?? null,
    LEASE_SECONDS,
    slice.end ?? null,
  ])
  if (row === undefined) throw new LostOperation()
  if (results.length > 0) {
    await tx.rows(insertResults, [
      operation.id,
      results.map((result) => result.key),
      results.map((result) => result.state),
      results.map((result) => result.code ?? null),
      results.map((result) => result.detail ?? null),
    ])
  }
  if (slice.end !== undefined)
    await emit(tx, { kind: `operation.${slice.end}`, payload: told(row) })
  return toOperation(row, operation.holder)
}

function told({ operation_id: id, kind, done, failed }: OperationRow): JsonObject {
  return { operation_id: String(id), kind, done, failed }
}

function toOperation(row: OperationRow, holder: string): Operation {
  const { operation_id: id, kind, actor, input, query, cursor, total, done, failed } = row
  const parsed = isJsonObject(input) ? input : {}
  return { id, kind, actor, input: parsed, query, cursor, total, done, failed, holder }
}
