import type { Acting } from '../access/acting.ts'
import type { Database, Db } from '../db/database.ts'
import { transaction } from '../db/transaction.ts'
import { DomainError } from '../errors.ts'
import type { Step } from '../operation/advance.ts'
import type { SliceResult } from '../operation/operation.ts'
import { cancelForgotten, queueWork, startStaged } from '../operation/queue.ts'
import { findOperation } from '../operation/read.ts'
import { readLines } from './csv.ts'
import {
  clearStaged,
  countStaged,
  dropStaged,
  readFaultyLines,
  readRepeatedLines,
  readStrayCredentials,
  stageRows,
  takeStaged,
  type LineFault,
} from './queries.ts'

export const IMPORT_KIND = 'allowlist.import'
export const CHUNK_ROWS = 10_000
const FAULTS_KEPT = 1000
const FAULTS_TOLD = 20
const FORGOTTEN_MS = 86_400_000

/** Begins an import: rows are staged under it, then `commitImport` hands it over. */
export function beginImport(tx: Db, acting: Acting, dryRun: boolean): Promise<number> {
  return queueWork(tx, acting, {
    kind: IMPORT_KIND,
    owner: 'register',
    input: { change: { dry_run: dryRun }, dry_run: dryRun },
    staged: true,
  })
}

async function requireStaged(tx: Db, operation: number): Promise<void> {
  const { kind, state } = await findOperation(tx, operation)
  if (kind !== IMPORT_KIND) throw new DomainError('operation.not_found')
  if (state !== 'queued') throw new DomainError('operation.illegal_transition', { state })
}

export interface Staged {
  readonly rows: number
  /** The first bad lines of this chunk. */
  readonly faults: readonly LineFault[]
}

/**
 * Stages a chunk of a file, repeatable: lines that were staged before are taken anew. Lines count from 1, the header.
 * @throws {DomainError} operation.not_found, operation.illegal_transition, request.too_large
 */
export async function stageChunk(
  tx: Db,
  operation: number,
  from: number,
  text: string,
): Promise<Staged> {
  await requireStaged(tx, operation)
  const lines = readLines(text, from)
  if (lines.length > CHUNK_ROWS)
    throw new DomainError('request.too_large', { limit_rows: CHUNK_ROWS })
  await tx.rows(clearStaged, [operation, from, from + lines.length - 1])
  const rows = lines.map((line) =>
    'fault' in line ? JSON.stringify({ fault: line.fault }) : JSON.stringify(line.entry),
  )
  await tx.rows(stageRows, [operation, lines.map((_, index) => from + index), rows])
  const faults = lines.flatMap((line, index) =>
    'fault' in line ? [{ line: from + index, reason: line.fault }] : [],
  )
  return { rows: lines.length, faults: faults.slice(0, FAULTS_TOLD) }
}

/**
 * Hands the staged rows over; the import itself is the operation's. After the commit: `kick`.
 * @throws {DomainError} operation.not_found, operation.illegal_transition, request.invalid where lines are missing
 */
export async function commitImport(tx: Db, operation: number): Promise<number> {
  await requireStaged(tx, operation)
  const count = await tx.row(countStaged, [operation])
  const lines = Number(count?.lines ?? 0n)
  if (count?.first !== 1 || count.last !== lines) {
    const detail = `${lines} lines are there, from ${count?.first ?? 0} to ${count?.last ?? 0}; lines are missing`
    throw new DomainError('request.invalid', { detail })
  }
  await startStaged(tx, operation, lines - 1)
  return lines - 1
}

/** What was staged for an import that was cancelled goes with it. */
export async function forgetStaged(tx: Db, operation: number): Promise<void> {
  await tx.rows(dropStaged, [operation])
}

/** Ends imports that nobody committed within a day, and drops what was staged for them. */
export async function endForgottenImports(db: Database, now: Date): Promise<void> {
  await transaction(db, async (tx) => {
    const before = new Date(now.getTime() - FORGOTTEN_MS)
    for (const id of await cancelForgotten(tx, IMPORT_KIND, before)) await tx.rows(dropStaged, [id])
  })
}

/** Checks all staged rows and takes them at once, or none. */
export function importStep(db: Database): Step {
  return async (operation, save) => {
    const faults = await findFaults(db, operation.id, (operation.total ?? 0) + 1)
    const dryRun = operation.input['dry_run'] === true
    await transaction(db, async (tx) => {
      let done = operation.total ?? 0
      if (faults.length > 0) done = 0
      else if (!dryRun) done = Number((await tx.row(takeStaged, [operation.id]))?.taken ?? 0n)
      await tx.rows(dropStaged, [operation.id])
      await save(tx, {
        cursor: null,
        done,
        failed: faults.length,
        results: faults.map(toResult),
        end: faults.length > 0 ? 'failed' : 'succeeded',
      })
    })
  }
}

async function findFaults(db: Db, operation: number, lines: number): Promise<LineFault[]> {
  const count = await db.row(countStaged, [operation])
  // Staged rows are not logged: a crash of the database empties them.
  if (count?.lines !== BigInt(lines)) return [{ line: 1, reason: 'the staged rows were lost' }]
  const found = await db.rows(readFaultyLines, [operation, FAULTS_KEPT])
  const repeated = await db.rows(readRepeatedLines, [operation, FAULTS_KEPT])
  const stray = await db.rows(readStrayCredentials, [operation, FAULTS_KEPT])
  const byLine = new Map([...stray, ...repeated, ...found].map((fault) => [fault.line, fault]))
  return [...byLine.values()].toSorted((a, b) => a.line - b.line).slice(0, FAULTS_KEPT)
}

// Padded, so that the order of keys is the order of lines.
const toResult = ({ line, reason }: LineFault): SliceResult => ({
  key: `line ${String(line).padStart(7, '0')}`,
  state: 'failed',
  code: 'request.invalid',
  detail: `line ${line}: ${reason}`,
})
