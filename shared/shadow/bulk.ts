import { createHash } from 'node:crypto'
import type { Acting } from '../access/acting.ts'
import type { Db } from '../db/database.ts'
import { transaction } from '../db/transaction.ts'
import { deviceId } from '../device-id.ts'
import { countDevices, readQuery, selectDevices } from '../device/selection.ts'
import { DomainError } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import type { Step } from '../operation/advance.ts'
import type { Operation, Slice, SliceResult } from '../operation/operation.ts'
import { queueWork } from '../operation/queue.ts'
import type { Check } from '../query/check.ts'
import { historyText } from './change.ts'
import { parseUpdate } from './request.ts'
import type { ShadowDeps } from './write-plans.ts'
import { writeAsked, type AskedChange } from './writer.ts'

export const SHADOWS_BULK_KIND = 'shadows.bulk'
const SLICE = 200

export interface ShadowsBulkAsk {
  readonly check: Check
  /** The request that each device's shadow gets, as text: no digit of it is lost. */
  readonly request: string
  /** '' is the classic shadow. */
  readonly shadow: string
  readonly now: Date
  /** How many the caller has counted. */
  readonly expect?: number | undefined
  /** Above it the operation ends as failed. */
  readonly maxFailedPercent: number
}

/**
 * Queues the change of a selection's shadows; the query and its `now` are kept, so that every slice means the same.
 * @throws {DomainError} shadow.invalid, operation.selection_changed
 */
export async function queueShadowsBulk(
  tx: Db,
  acting: Acting,
  ask: ShadowsBulkAsk,
): Promise<number> {
  const { check, request, shadow, now, expect, maxFailedPercent } = ask
  parseUpdate(request)
  // The operation shows it, out of a jsonb column, which holds neither.
  if (/\\u0000|\\ud[89a-f]/i.test(request)) {
    throw new DomainError('shadow.invalid', { detail: 'NUL or an unpaired surrogate' })
  }
  const total = Number(await countDevices(tx, check.query, { now }))
  if (expect !== undefined && expect !== total) {
    throw new DomainError('operation.selection_changed', { count: total, expected: expect })
  }
  const change: JsonObject = JSON.parse(request)
  return queueWork(tx, acting, {
    kind: SHADOWS_BULK_KIND,
    owner: 'shadow-update',
    input: {
      change: { ...change, ...(shadow !== '' && { name: shadow }) },
      request,
      shadow,
      now: now.toISOString(),
      max_failed_percent: maxFailedPercent,
    },
    query: check.text,
    total,
  })
}

/** One slice: as many devices as one statement writes well. Should it come again, each device's key says that it was done. */
export function shadowsBulkStep(deps: ShadowDeps): Step {
  return async (operation, save) => {
    const { query } = await readQuery(deps.db, operation.query ?? '')
    const now = new Date(textOf(operation, 'now'))
    const after = operation.cursor ?? undefined
    const ids = await selectDevices(deps.db, query, { now, after, limit: SLICE })
    const changes = ids.flatMap((id) => changeOf(operation, id))
    const outcomes = await writeAsked(deps, changes)
    const failed = outcomes.find(({ error }) => error !== undefined && !isOfDevice(error))
    // Nothing of the devices' own: the slice comes again, later.
    if (failed !== undefined) throw failed.error
    const results = changes.map((change, at): SliceResult => {
      const { error } = outcomes[at] ?? {}
      const key = change.deviceId
      return error instanceof DomainError
        ? { key, state: 'failed', code: error.code }
        : { key, state: 'succeeded' }
    })
    await transaction(deps.db, (tx) => save(tx, sliceOf(operation, ids, results)))
  }
}

const isOfDevice = (error: unknown): boolean =>
  error instanceof DomainError && error.code !== 'delivery.backlog'

function changeOf(operation: Operation, id: string): AskedChange[] {
  const known = deviceId(id)
  if (known === undefined) return []
  const text = textOf(operation, 'request')
  const { state } = parseUpdate(text)
  const sha256 = createHash('sha256').update(text).digest('hex')
  return [
    {
      deviceId: known,
      shadow: textOf(operation, 'shadow'),
      command: { kind: 'update', state, size: Buffer.byteLength(text) },
      actor: operation.actor,
      text: historyText('update', text),
      key: { key: `operation ${operation.id}`, sha256 },
    },
  ]
}

function sliceOf(operation: Operation, ids: readonly string[], results: SliceResult[]): Slice {
  const failed = results.filter(({ state }) => state === 'failed').length
  const most = Number(operation.input['max_failed_percent'] ?? 100)
  const total = Math.max(operation.total ?? 0, operation.done + operation.failed + ids.length, 1)
  const tooMany = ((operation.failed + failed) / total) * 100 > most
  const end = tooMany ? 'failed' : ids.length < SLICE ? 'succeeded' : undefined
  return {
    cursor: ids.at(-1) ?? operation.cursor,
    done: results.length - failed,
    failed,
    results,
    ...(end && { end }),
  }
}

function textOf({ input }: Operation, name: string): string {
  const value = input[name]
  return typeof value === 'string' ? value : ''
}
