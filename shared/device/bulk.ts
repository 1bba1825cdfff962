import type { Acting } from '../access/acting.ts'
import type { Database, Db } from '../db/database.ts'
import { deviceId, type DeviceId } from '../device-id.ts'
import { findEndpoint } from '../endpoint/endpoint.ts'
import { DomainError } from '../errors.ts'
import { isJsonObject, type JsonObject } from '../json.ts'
import type { Step } from '../operation/advance.ts'
import type { SliceResult } from '../operation/operation.ts'
import { changeAttributes } from './attributes.ts'
import { changeGroups, groupIds, type GroupsChange } from './membership.ts'
import { changeEndpoints, type DeviceStatus } from './queries.ts'
import {
  failure,
  queueSelection,
  selectionStep,
  succeeded,
  type SelectionAsk,
  type SelectionSlice,
} from './selection-operation.ts'
import { hintDevices, moveDevices } from './transition.ts'

export const BULK_KIND = 'devices.bulk'
const SLICE = 200
/** Each revocation publishes a CRL. */
const REVOKING_SLICE = 20

/** The same change for every selected device. */
export interface BulkChange {
  readonly status?: DeviceStatus | undefined
  readonly attributes?: JsonObject | undefined
  readonly groups?: GroupsChange | undefined
  /** '' takes it away. */
  readonly brokerEndpoint?: string | undefined
}

export interface BulkAsk extends Omit<SelectionAsk, 'kind' | 'change'> {
  readonly change: BulkChange
}

/** Queues the change of a selection. Throws operation.selection_changed, group.not_found, endpoint.not_found. */
export async function queueBulk(tx: Db, acting: Acting, ask: BulkAsk): Promise<number> {
  const { status, attributes, groups, brokerEndpoint } = ask.change
  if (brokerEndpoint) await findEndpoint(tx, brokerEndpoint)
  await groupIds(tx, [...(groups?.add ?? []), ...(groups?.remove ?? [])])
  const change = {
    ...(status && { status }),
    ...(attributes && { attributes }),
    ...(groups && { groups: { add: [...groups.add], remove: [...groups.remove] } }),
    ...(brokerEndpoint !== undefined && { endpoint: brokerEndpoint }),
  }
  return queueSelection(tx, acting, { ...ask, kind: BULK_KIND, change })
}

export interface BulkDeps {
  readonly db: Database
  /** Revokes what a decommissioned device holds. */
  readonly revoke: (acting: Acting, id: DeviceId) => Promise<void>
  readonly notifyOutbox: (slots: readonly number[]) => void
}

const ends = (change: JsonObject): boolean => change['status'] === 'decommissioned'

/** Advances changes of many devices. */
export function bulkStep(deps: BulkDeps): Step {
  const slots = new Set<number>()
  return selectionStep({
    db: deps.db,
    sliceSize: (change) => (ends(change) ? REVOKING_SLICE : SLICE),
    before: (slice) => (ends(slice.change) ? revokeFirst(deps, slice) : Promise.resolve([])),
    apply: async (tx, slice) => {
      const effect = await applyChange(tx, slice)
      for (const slot of effect.slots) slots.add(slot)
      return effect.results
    },
    after: async ({ ids, change }) => {
      deps.notifyOutbox([...slots])
      slots.clear()
      if (change['status'] !== undefined) {
        await hintDevices(
          deps.db,
          ids.flatMap((id) => deviceId(id) ?? []),
        )
      }
    },
  })
}

// Before the status: should the process end in between, the slice comes again, and revoking twice is revoking once.
async function revokeFirst(
  deps: BulkDeps,
  { acting, ids }: SelectionSlice,
): Promise<SliceResult[]> {
  const failed: SliceResult[] = []
  for (const id of ids.flatMap((each) => deviceId(each) ?? [])) {
    try {
      await deps.revoke(acting, id)
    } catch (error) {
      // Without an authority the slice comes again later; a refusal is that device's.
      if (!(error instanceof DomainError) || error.code === 'ca.unavailable') throw error
      failed.push(failure(id, error.code))
    }
  }
  return failed
}

interface Effect {
  readonly slots: readonly number[]
  readonly results: SliceResult[]
}

async function applyChange(tx: Db, { acting, ids, change }: SelectionSlice): Promise<Effect> {
  if (ids.length === 0) return { slots: [], results: [] }
  const { status, attributes, groups, brokerEndpoint } = readChange(change)
  if (brokerEndpoint !== undefined) await tx.rows(changeEndpoints, [ids.toSorted(), brokerEndpoint])
  if (attributes !== undefined) await changeAttributes(tx, ids, 'operator', attributes)
  if (groups !== undefined) await changeGroups(tx, ids, groups)
  if (status === undefined) return { slots: [], results: ids.map(succeeded) }
  const { changed, unchanged, refused, unknown, slots } = await moveDevices(tx, acting, ids, status)
  return {
    slots,
    results: [
      ...[...changed, ...unchanged].map(succeeded),
      ...refused.map((each) => failure(each.deviceId, 'device.illegal_transition')),
      ...unknown.map((id) => failure(id, 'device.not_found')),
    ],
  }
}

const names = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((name) => typeof name === 'string') : []

function readChange({ status, attributes, groups, endpoint }: JsonObject): BulkChange {
  return {
    ...((status === 'active' || status === 'suspended' || status === 'decommissioned') && {
      status,
    }),
    ...(isJsonObject(attributes) && { attributes }),
    ...(isJsonObject(groups) && {
      groups: { add: names(groups['add']), remove: names(groups['remove']) },
    }),
    ...(typeof endpoint === 'string' && { brokerEndpoint: endpoint }),
  }
}
