import type { Acting } from '../access/acting.ts'
import { audit } from '../audit/record.ts'
import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import {
  addMembers,
  clearOtherGroups,
  lockGroup,
  readGroupIds,
  readUnknownDevices,
  removeMembers,
} from './group-queries.ts'

/** Numbers of groups by name. Throws group.not_found with the names that there are not. */
export async function groupIds(tx: Db, names: readonly string[]): Promise<number[]> {
  if (names.length === 0) return []
  const rows = await tx.rows(readGroupIds, [names])
  const missing = names.filter((name) => !rows.some((row) => row.name === name))
  if (missing.length > 0) throw new DomainError('group.not_found', { groups: missing })
  return rows.map((row) => row.group_id)
}

/** The device is in exactly these groups. */
export async function setGroups(tx: Db, id: string, names: readonly string[]): Promise<void> {
  const ids = await groupIds(tx, names)
  await tx.rows(clearOtherGroups, [id, ids])
  await tx.rows(addMembers, [[id], ids])
}

export interface GroupsChange {
  readonly add: readonly string[]
  readonly remove: readonly string[]
}

/** Adds many devices to groups and takes them out of others. */
export async function changeGroups(
  tx: Db,
  ids: readonly string[],
  { add, remove }: GroupsChange,
): Promise<void> {
  await tx.rows(removeMembers, [ids.toSorted(), await groupIds(tx, remove)])
  await tx.rows(addMembers, [ids.toSorted(), await groupIds(tx, add)])
}

/**
 * Adds devices to a group, or takes them out; all or, where one is not known, none. Returns how many that changed.
 * @throws {DomainError} group.not_found, device.not_found
 */
export async function changeMembers(
  tx: Db,
  acting: Acting,
  name: string,
  verb: 'add' | 'remove',
  ids: readonly string[],
): Promise<number> {
  const group = await tx.row(lockGroup, [name])
  if (group === undefined) throw new DomainError('group.not_found', { groups: [name] })
  if (verb === 'add') {
    const unknown = await tx.rows(readUnknownDevices, [ids])
    if (unknown.length > 0) {
      throw new DomainError('device.not_found', { device_ids: unknown.map((row) => row.device_id) })
    }
  }
  const change = verb === 'add' ? addMembers : removeMembers
  const rows = await tx.rows(change, [ids.toSorted(), [group.group_id]])
  const detail = { devices: rows.length }
  await audit(tx, { ...acting, verb: `group.${verb}`, target: name, detail })
  return rows.length
}
