import type { Acting } from '../access/acting.ts'
import type { Database, Db } from '../db/database.ts'
import { transaction } from '../db/transaction.ts'
import type { DeviceId } from '../device-id.ts'
import { DomainError } from '../errors.ts'
import { isJsonObject, type JsonObject } from '../json.ts'
import type { SaveSlice, Step } from '../operation/advance.ts'
import type { Operation, SliceResult } from '../operation/operation.ts'
import { queueWork } from '../operation/queue.ts'
import type { Check, Warning } from '../query/check.ts'
import { changeAttributes } from './attributes.ts'
import { changeGroups, groupIds, type GroupsChange } from './membership.ts'
import type { DeviceStatus } from './queries.ts'
import { countDevices, countedWarnings, readQuery, selectDevices } from './selection.ts'
import { hintDevices, moveDevices } from './transition.ts'

export const BULK_KIND = 'devices.bulk'
const SLICE = 200
/** Each revocation publishes a CRL. */
const REVOKING_SLICE = 20
const SAMPLES = 20

/** The same change for every selected device. */
export interface BulkChange {
  readonly status?: DeviceStatus | undefined
  readonly attributes?: JsonObject | undefined
  readonly groups?: GroupsChange | undefined
}

export interface DryRun {
  readonly q: string
  readonly count: number
  readonly samples: string[]
  readonly warnings: Warning[]
}

/** What a selection would touch. */
export async function tryBulk(db: Db, check: Check, now: Date): Promise<DryRun> {
  const [count, samples, warnings] = [
    Number(await countDevices(db, check.query, { now })),
    await selectDevices(db, check.query, { now, limit: SAMPLES }),
    await countedWarnings(db, check, now),
  ]
  return { q: check.text, count, samples, warnings }
}

export interface BulkAsk {
  readonly check: Check
  readonly change: BulkChange
  readonly now: Date
  /** How many the caller has counted. */
  readonly expect?: number | undefined
  /** Above it the operation ends as failed. */
  readonly maxFailedPercent: number
}

/**
 * Queues the change of a selection; the query and its `now` are kept, so that every slice means the same.
 * @throws {DomainError} operation.selection_changed, group.not_found
 */
export async function queueBulk(tx: Db, acting: Acting, ask: BulkAsk): Promise<number> {
  const { check, change, now, expect, maxFailedPercent } = ask
  const total = Number(await countDevices(tx, check.query, { now }))
  if (expect !== undefined && expect !== total) {
    throw new DomainError('operation.selection_changed', { count: total, expected: expect })
  }
  const { status, attributes, groups } = change
  await groupIds(tx, [...(groups?.add ?? []), ...(groups?.remove ?? [])])
  const plain = {
    ...(status && { status }),
    ...(attributes && { attributes }),
    ...(groups && { groups: { add: [...groups.add], remove: [...groups.remove] } }),
  }
  const input: JsonObject = {
    change: plain,
    now: now.toISOString(),
    max_failed_percent: maxFailedPercent,
    token_id: acting.tokenId,
    source: acting.source,
    call_id: acting.callId,
  }
  return queueWork(tx, acting, {
    kind: BULK_KIND,
    owner: 'register',
    input,
    query: check.text,
    total,
  })
}

export interface BulkDeps {
  readonly db: Database
  /** Revokes what a decommissioned device holds. */
  readonly revoke: (acting: Acting, id: DeviceId) => Promise<void>
  readonly notifyOutbox: (slots: readonly number[]) => void
}

interface SliceEffect {
  readonly moved: readonly DeviceId[]
  readonly slots: readonly number[]
  readonly results: SliceResult[]
}

interface Progress {
  readonly ids: readonly string[]
  readonly last: boolean
  readonly results: readonly SliceResult[]
}

/** One slice of a change: as many devices as one transaction bears well. */
export function bulkStep(deps: BulkDeps): Step {
  return async (operation, save) => {
    const change = readChange(operation.input['change'])
    const acting = actingOf(operation)
    const limit = change.status === 'decommissioned' ? REVOKING_SLICE : SLICE
    const ids = await nextIds(deps.db, operation, limit)
    const refused = change.status === 'decommissioned' ? await revokeFirst(deps, acting, ids) : []
    const left = ids.filter((id) => !refused.some((result) => result.key === id))
    const effect = await transaction(deps.db, async (tx) => {
      const applied = await applyChange(tx, acting, left, change)
      const progress = { ids, last: ids.length < limit, results: [...refused, ...applied.results] }
      await saveProgress(tx, save, operation, progress)
      return applied
    })
    await hintDevices(deps.db, effect.moved)
    deps.notifyOutbox(effect.slots)
  }
}

async function nextIds(db: Db, operation: Operation, limit: number): Promise<string[]> {
  const { query } = await readQuery(db, operation.query ?? '')
  const now = new Date(textOf(operation, 'now'))
  return selectDevices(db, query, { now, after: operation.cursor ?? undefined, limit })
}

// Before the status: should the process end in between, the slice comes again, and revoking twice is revoking once.
async function revokeFirst(
  deps: BulkDeps,
  acting: Acting,
  ids: readonly string[],
): Promise<SliceResult[]> {
  const failed: SliceResult[] = []
  for (const id of ids) {
    try {
      // Selected from the registry, which holds nothing else.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      await deps.revoke(acting, id as DeviceId)
    } catch (error) {
      // Without an authority the slice comes again later; a refusal is that device's.
      if (!(error instanceof DomainError) || error.code === 'ca.unavailable') throw error
      failed.push({ key: id, state: 'failed', code: error.code })
    }
  }
  return failed
}

async function applyChange(
  tx: Db,
  acting: Acting,
  ids: readonly string[],
  { status, attributes, groups }: BulkChange,
): Promise<SliceEffect> {
  if (ids.length === 0) return { moved: [], slots: [], results: [] }
  if (attributes !== undefined) await changeAttributes(tx, ids, 'operator', attributes)
  if (groups !== undefined) await changeGroups(tx, ids, groups)
  if (status === undefined) return { moved: [], slots: [], results: ids.map(succeeded) }
  const { changed, unchanged, refused, unknown, slots } = await moveDevices(tx, acting, ids, status)
  return {
    moved: changed,
    slots,
    results: [
      ...[...changed, ...unchanged].map(succeeded),
      ...refused.map((each) => failure(each.deviceId, 'device.illegal_transition')),
      ...unknown.map((id) => failure(id, 'device.not_found')),
    ],
  }
}

const succeeded = (key: string): SliceResult => ({ key, state: 'succeeded' })
const failure = (key: string, code: string): SliceResult => ({ key, state: 'failed', code })

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

const names = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((name) => typeof name === 'string') : []

function readChange(stored: unknown): BulkChange {
  if (!isJsonObject(stored)) return {}
  const { status, attributes, groups } = stored
  return {
    ...((status === 'active' || status === 'suspended' || status === 'decommissioned') && {
      status,
    }),
    ...(isJsonObject(attributes) && { attributes }),
    ...(isJsonObject(groups) && {
      groups: { add: names(groups['add']), remove: names(groups['remove']) },
    }),
  }
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
