import type { Acting } from '../access/acting.ts'
import { audit } from '../audit/record.ts'
import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { checkRevision, type Expected } from '../revision.ts'
import {
  deleteGroup,
  insertGroup,
  listGroups,
  listMembers,
  lockGroup,
  readGroup,
  renameGroup,
  type GroupRow,
} from './group-queries.ts'

export interface Group {
  readonly name: string
  /** How many are in it. */
  readonly devices: number
  readonly created_at: string
}

export interface FoundGroup {
  readonly group: Group
  readonly revision: bigint
}

const toGroup = (row: GroupRow): Group => ({
  name: row.name,
  devices: Number(row.devices),
  created_at: row.created_at.toISOString(),
})

/** Groups in order of their names. */
export async function pageGroups(db: Db, after: string | null, limit: number): Promise<Group[]> {
  return (await db.rows(listGroups, [after, limit])).map(toGroup)
}

/** Throws group.not_found. */
export async function findGroup(db: Db, name: string): Promise<FoundGroup> {
  const row = await db.row(readGroup, [name])
  if (row === undefined) throw new DomainError('group.not_found', { groups: [name] })
  return { group: toGroup(row), revision: row.revision }
}

/** Ids of a group's devices, in order. Throws group.not_found. */
export async function pageMembers(
  db: Db,
  name: string,
  after: string | null,
  limit: number,
): Promise<string[]> {
  const row = await db.row(readGroup, [name])
  if (row === undefined) throw new DomainError('group.not_found', { groups: [name] })
  const rows = await db.rows(listMembers, [row.group_id, after, limit])
  return rows.map((member) => member.device_id)
}

/** Throws group.exists. */
export async function createGroup(tx: Db, acting: Acting, name: string): Promise<void> {
  const made = await tx.row(insertGroup, [name])
  if (made === undefined) throw new DomainError('group.exists', { groups: [name] })
  await audit(tx, { ...acting, verb: 'group.create', target: name })
}

async function lock(tx: Db, name: string, expected: Expected): Promise<number> {
  const row = await tx.row(lockGroup, [name])
  if (row === undefined) throw new DomainError('group.not_found', { groups: [name] })
  checkRevision(expected, row.revision)
  return row.group_id
}

/** Throws group.not_found, group.exists, request.precondition_failed. */
export async function changeGroupName(
  tx: Db,
  acting: Acting,
  name: string,
  to: string,
  expected: Expected,
): Promise<void> {
  const id = await lock(tx, name, expected)
  const renamed = await tx.row(renameGroup, [id, to])
  if (renamed === undefined) throw new DomainError('group.exists', { groups: [to] })
  await audit(tx, { ...acting, verb: 'group.change', target: name, detail: { name: to } })
}

/** The devices stay. Throws group.not_found, request.precondition_failed. */
export async function removeGroup(
  tx: Db,
  acting: Acting,
  name: string,
  expected: Expected,
): Promise<void> {
  await tx.rows(deleteGroup, [await lock(tx, name, expected)])
  await audit(tx, { ...acting, verb: 'group.delete', target: name })
}
