import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../clock.ts'
import type { Database, Db } from '../db/database.ts'
import { transaction } from '../db/transaction.ts'
import { deviceId } from '../device-id.ts'
import { isJsonObject } from '../json.ts'
import type { SaveSlice, Step } from '../operation/advance.ts'
import type { Operation } from '../operation/operation.ts'
import { recordVersions } from '../rollout/reported-version.ts'
import { isTree, type Tree } from '../shadow/document.ts'
import { parseJson } from '../shadow/json.ts'
import { factsOf, isFirmwareVersion, type Fact } from './facts.ts'
import { placeOf, type FieldPlace } from './field-name.ts'
import { FIRMWARE_FIELD, valueAt } from './leaves.ts'
import {
  deleteFacts,
  holdField,
  insertFacts,
  lockAttributeSlice,
  lockShadowSlice,
  passedTransaction,
  readUnknownFirmware,
  readyField,
  type FieldRow,
} from './queries.ts'

const SLICE = 500
const FACTS_SLICE = 5000
const WAIT_MS = 200
const WAITS = 5

/** Transactions older than the declaration are still under way: the operation comes again later, others go on. */
export class NotYet extends Error {}

/**
 * One slice of writing the facts of what is stored, or of removing those of a leaf that is no longer declared. It begins when every transaction has ended that
 * did not know of the change, and locks what it reads: nothing falls between.
 */
export function backfillStep({ db }: { readonly db: Database; readonly clock: Clock }): Step {
  return async (operation, save) => {
    const { field, xid, gone } = operation.input
    await olderOnesEnded(db, typeof xid === 'string' ? xid : '0')
    await transaction(db, (tx) =>
      gone === true
        ? removeSlice(tx, operation, save, Number(field))
        : fillSlice(tx, operation, save, Number(field)),
    )
  }
}

async function olderOnesEnded(db: Db, xid: string): Promise<void> {
  for (let waits = 0; ; waits++) {
    const row = await db.row(passedTransaction, [xid])
    if (row?.passed === true) return
    if (waits === WAITS) throw new NotYet('an older transaction is still under way')
    await sleep(WAIT_MS)
  }
}

async function removeSlice(
  tx: Db,
  operation: Operation,
  save: SaveSlice,
  field: number,
): Promise<void> {
  const { length } = await tx.rows(deleteFacts, [field, FACTS_SLICE])
  const last = length < FACTS_SLICE
  await save(tx, {
    cursor: operation.cursor,
    done: length,
    failed: 0,
    ...(last && { end: 'succeeded' }),
  })
}

async function fillSlice(
  tx: Db,
  operation: Operation,
  save: SaveSlice,
  field: number,
): Promise<void> {
  const declared = await tx.row(holdField, [field])
  const place = declared && placeOf(declared.name)
  if (declared === undefined || place === undefined) {
    await save(tx, { cursor: operation.cursor, done: 0, failed: 0, end: 'failed' })
    return
  }
  const after = operation.cursor ?? ''
  const slice =
    place.kind === 'shadow'
      ? await shadowSlice(tx, place, after)
      : await attributeSlice(tx, place, after)
  await writeFacts(tx, declared, slice)
  if (declared.name === FIRMWARE_FIELD) await fillFirmware(tx, slice)
  const last = slice.devices < SLICE
  if (last) await tx.rows(readyField, [field])
  await save(tx, {
    cursor: slice.values.at(-1)?.deviceId ?? operation.cursor,
    done: slice.devices,
    failed: 0,
    ...(last && { end: 'succeeded' }),
  })
}

interface Slice {
  readonly devices: number
  /** Every device of the slice; of attributes one for each source. */
  readonly values: readonly { readonly deviceId: string; readonly value: unknown }[]
}

async function shadowSlice(
  tx: Db,
  place: Extract<FieldPlace, { kind: 'shadow' }>,
  after: string,
): Promise<Slice> {
  const rows = await tx.rows(lockShadowSlice, [place.shadow, after, SLICE])
  const values = rows.map((row) => ({
    deviceId: row.device_id,
    value: valueAt(treeOf(row[place.section]), place.path),
  }))
  return { devices: rows.length, values }
}

function treeOf(text: string | null): Tree | undefined {
  const value = text === null ? undefined : parseJson(text)
  return isTree(value) ? value : undefined
}

async function attributeSlice(
  tx: Db,
  place: Extract<FieldPlace, { kind: 'attribute' }>,
  after: string,
): Promise<Slice> {
  const rows = await tx.rows(lockAttributeSlice, [after, SLICE])
  const values = rows.map((row) => ({
    deviceId: row.device_id,
    value: attributeOf(row.document, place.key),
  }))
  return { devices: new Set(rows.map((row) => row.device_id)).size, values }
}

function attributeOf(document: string, key: string): unknown {
  const value: unknown = JSON.parse(document)
  return isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined
}

async function writeFacts(tx: Db, { field, type }: FieldRow, { values }: Slice): Promise<void> {
  const facts = values.flatMap(({ deviceId: id, value }) =>
    factsOf(type, value).map((fact): { id: string; fact: Fact } => ({ id, fact })),
  )
  if (facts.length === 0) return
  await tx.rows(insertFacts, [
    field,
    facts.map(({ id }) => id),
    facts.map(({ fact }) => fact.t),
    facts.map(({ fact }) => fact.n),
    facts.map(({ fact }) => fact.v),
  ])
}

/** What a device said before the leaf was declared: taken only where the registry knows nothing, since it may be older than that. */
async function fillFirmware(tx: Db, { values }: Slice): Promise<void> {
  const said = new Map(values.map((each) => [each.deviceId, each.value]))
  const rows = await tx.rows(readUnknownFirmware, [[...said.keys()]])
  const reports = rows.flatMap((row) => {
    const id = deviceId(row.device_id)
    const version = said.get(row.device_id)
    return id !== undefined && isFirmwareVersion(version) ? [{ deviceId: id, version }] : []
  })
  await recordVersions(tx, reports)
}
