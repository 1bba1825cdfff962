import type { Acting } from '../access/acting.ts'
import { auditAll } from '../audit/record.ts'
import type { Db } from '../db/database.ts'
import { deviceId, type DeviceId } from '../device-id.ts'
import { DomainError } from '../errors.ts'
import { emitAll } from '../event/emit.ts'
import { enqueue } from '../outbox/enqueue.ts'
import { statusesBefore } from './device.ts'
import {
  blockAllowlist,
  changeStatus,
  notifyDevices,
  readStatuses,
  type DeviceStatus,
} from './queries.ts'

const VERBS = { active: 'resume', suspended: 'suspend', decommissioned: 'decommission' } as const
const EVENTS = {
  active: 'device.resumed',
  suspended: 'device.suspended',
  decommissioned: 'device.decommissioned',
} as const

/** Retained documents of Muster's own topics, which would outlive the device at the broker. */
const RETAINED = ['devices/{id}/config/desired', 'devices/{id}/config/reported']

export interface Transition {
  readonly changed: DeviceId[]
  /** Already there: no change, and no fault. */
  readonly unchanged: string[]
  readonly refused: { readonly deviceId: string; readonly status: DeviceStatus }[]
  readonly unknown: string[]
  /** Slots of the outbox to hint at after the commit. */
  readonly slots: readonly number[]
}

/**
 * Moves devices to a status, those that may: with event and audit record in the same transaction. What a decommissioned device could still use
 * to enrol again is blocked, and what is retained for it is cleared; its certificates are revoked by the caller, after the commit.
 */
export async function moveDevices(
  tx: Db,
  acting: Acting,
  ids: readonly string[],
  to: DeviceStatus,
): Promise<Transition> {
  const rows = await tx.rows(changeStatus, [ids.toSorted(), to, statusesBefore(to)])
  const changed = rows.flatMap((row) => deviceId(row.device_id) ?? [])
  const rest = ids.filter((id) => !changed.some((moved) => moved === id))
  const found = await tx.rows(readStatuses, [rest])
  const statuses = new Map(found.map((row) => [row.device_id, row.status]))
  await emitAll(
    tx,
    changed.map((id) => ({ kind: EVENTS[to], deviceId: id })),
  )
  await auditAll(
    tx,
    changed.map((id) => ({ ...acting, verb: `device.${VERBS[to]}`, target: id })),
  )
  const slots = to === 'decommissioned' ? await close(tx, changed) : []
  return { changed, slots, ...sortOut(rest, statuses, to) }
}

function sortOut(
  rest: readonly string[],
  statuses: ReadonlyMap<string, DeviceStatus>,
  to: DeviceStatus,
): Pick<Transition, 'unchanged' | 'refused' | 'unknown'> {
  return {
    unchanged: rest.filter((id) => statuses.get(id) === to),
    unknown: rest.filter((id) => !statuses.has(id)),
    refused: rest.flatMap((id) => {
      const status = statuses.get(id)
      return status === undefined || status === to ? [] : [{ deviceId: id, status }]
    }),
  }
}

async function close(tx: Db, deviceIds: readonly DeviceId[]): Promise<number[]> {
  if (deviceIds.length === 0) return []
  await tx.rows(blockAllowlist, [deviceIds])
  const slots: number[] = []
  for (const topic of RETAINED) {
    const message = { deviceIds, topic, payload: '', retain: true, class: 'shadow' } as const
    slots.push(...(await enqueue(tx, message)).slots)
  }
  return [...new Set(slots)]
}

/**
 * One device.
 * @throws {DomainError} device.not_found, device.illegal_transition
 */
export async function moveDevice(
  tx: Db,
  acting: Acting,
  id: DeviceId,
  to: DeviceStatus,
): Promise<Transition> {
  const transition = await moveDevices(tx, acting, [id], to)
  if (transition.unknown.length > 0) throw new DomainError('device.not_found', { device_id: id })
  const [refused] = transition.refused
  if (refused !== undefined) {
    throw new DomainError('device.illegal_transition', {
      device_status: refused.status,
      wanted: to,
    })
  }
  return transition
}

/** Tells whoever listens (the broker's agent, which throws them off) at once; a lost hint costs its next look. */
export async function hintDevices(db: Db, ids: readonly DeviceId[]): Promise<void> {
  if (ids.length > 0) await db.rows(notifyDevices, [ids])
}
