import type { Acting } from '../access/acting.ts'
import type { Database, Db } from '../db/database.ts'
import { transaction } from '../db/transaction.ts'
import { DomainError } from '../errors.ts'
import { isJsonObject, type JsonObject } from '../json.ts'
import type { SaveSlice, Step } from '../operation/advance.ts'
import type { Operation, SliceResult } from '../operation/operation.ts'
import { queueWork } from '../operation/queue.ts'
import type { Check, Warning } from '../query/check.ts'
import { countDevices, countedWarnings, readQuery, selectDevices } from './selection.ts'

const SAMPLES = 20

export interface DryRun {
  readonly q: string
  readonly count: number
  readonly samples: string[]
  readonly warnings: Warning[]
}

/** What a selection would touch. */
export async function trySelection(db: Db, check: Check, now: Date): Promise<DryRun> {
  const count = Number(await countDevices(db, check.query, { now }))
  const samples = await selectDevices(db, check.query, { now, limit: SAMPLES })
  const warnings = await countedWarnings(db, check, now)
  return { q: check.text, count, samples, warnings }
}

export interface SelectionAsk {
  readonly kind: string
  readonly check: Check
  readonly change: JsonObject
  readonly now: Date
  /** How many the caller has counted. */
  readonly expect?: number | undefined
  /** Above it the operation ends as failed. */
  readonly maxFailedPercent: number
}

/**
 * Queues a change of every device that is selected; the query and its `now` are kept, so that every slice means the same.
 * @throws {DomainError} operation.selection_changed
 */
export async function queueSelection(tx: Db, acting: Acting, ask: SelectionAsk): Promise<number> {
  const { kind, check, change, now, expect, maxFailedPercent } = ask
  const total = Number(await countDevices(tx, check.query, { now }))
  if (expect !== undefined && expect !== total) {
    throw new DomainError('operation.selection_changed', { count: total, expected: expect })
  }
  const input: JsonObject = {
    change,
    now: now.toISOString(),
    max_failed_percent: maxFailedPercent,
    token_id: acting.tokenId,
    source: acting.source,
    call_id: acting.callId,
  }
  return queueWork(tx, acting, { kind, owner: 'register', input, query: check.text, total })
}

/** A slice of a selection, as whoever changes it gets it. */
export interface SelectionSlice {
  readonly acting: Acting
  readonly change: JsonObject
  readonly ids: readonly string[]
}

export interface SelectionWork {
  readonly db: Database
  /** How many devices one transaction bears well. */
  readonly sliceSize: (change: JsonObject) => number
  /** What lies outside of the database, before the transaction: results of those that it already settles. */
  readonly before?: (slice: SelectionSlice) => Promise<SliceResult[]>
  /** The change itself. */
  readonly apply: (tx: Db, slice: SelectionSlice) => Promise<SliceResult[]>
  /** Hints after the commit. */
  readonly after?: (slice: SelectionSlice) => Promise<void>
}

/** One slice after the other, each in a transaction with its progress. */
export function selectionStep(work: SelectionWork): Step {
  return async (operation, save) => {
    const stored = operation.input['change']
    const change = isJsonObject(stored) ? stored : {}
    const limit = work.sliceSize(change)
    const acting = actingOf(operation)
    const ids = await nextIds(work.db, operation, limit)
    const settled = (await work.before?.({ acting, change, ids })) ?? []
    const done = new Set(settled.map((result) => result.key))
    const slice = { acting, change, ids: ids.filter((id) => !done.has(id)) }
    await transaction(work.db, async (tx) => {
      const results = [...settled, ...(await work.apply(tx, slice))]
      await saveProgress(tx, save, operation, { ids, last: ids.length < limit, results })
    })
    await work.after?.(slice)
  }
}

async function nextIds(db: Db, operation: Operation, limit: number): Promise<string[]> {
  const { query } = await readQuery(db, operation.query ?? '')
  const now = new Date(textOf(operation, 'now'))
  return selectDevices(db, query, { now, after: operation.cursor ?? undefined, limit })
}

interface Progress {
  readonly ids: readonly string[]
  readonly last: boolean
  readonly results: readonly SliceResult[]
}

async function saveProgress(
  tx: Db,
  save: SaveSlice,
  operation: Operation,
  { ids, last, results }: Progress,
): Promise<void> {
  const failed = results.filter((result) => result.state === 'failed').length
  const done = results.length - failed
  const most = Number(operation.input['max_failed_percent'] ?? 100)
  const total = Math.max(operation.total ?? 0, operation.done + operation.failed + ids.length, 1)
  const tooMany = ((operation.failed + failed) / total) * 100 > most
  const end = tooMany ? 'failed' : last ? 'succeeded' : undefined
  const cursor = ids.at(-1) ?? operation.cursor
  await save(tx, { cursor, done, failed, results, ...(end && { end }) })
}

function textOf({ input }: Operation, name: string): string {
  const value = input[name]
  return typeof value === 'string' ? value : ''
}

function actingOf(operation: Operation): Acting {
  const tokenId = textOf(operation, 'token_id')
  return {
    actor: operation.actor,
    tokenId: tokenId === '' ? null : tokenId,
    source: textOf(operation, 'source'),
    callId: textOf(operation, 'call_id'),
  }
}

export const succeeded = (key: string): SliceResult => ({ key, state: 'succeeded' })
export const failure = (key: string, code: string): SliceResult => ({ key, state: 'failed', code })
