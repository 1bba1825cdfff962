import { serialId } from '../artifact/artifacts.ts'
import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { findRollout, listRollouts, readGroups } from './queries.ts'
import type { Rollout, RolloutStatus } from './rollout.ts'

interface Deps {
  readonly db: Db
}

/**
 * A rollout by name or id, with its groups.
 * @throws {DomainError} rollout.not_found
 */
export async function readRollout({ db }: Deps, name: string): Promise<Rollout> {
  const row = await db.row(findRollout, [name, serialId(name) ?? null])
  if (row === undefined) throw new DomainError('rollout.not_found')
  return { ...row, groups: await db.rows(readGroups, [[row.rollout_id]]) }
}

/** Rollouts, the newest first, those older than `before`. */
export async function pageOfRollouts(
  { db }: Deps,
  status: RolloutStatus | undefined,
  before: number | undefined,
  limit: number,
): Promise<Rollout[]> {
  const rows = await db.rows(listRollouts, [status ?? null, before ?? null, limit])
  const groups = await db.rows(readGroups, [rows.map((row) => row.rollout_id)])
  return rows.map((row) =>
    Object.assign(row, { groups: groups.filter((each) => each.rollout_id === row.rollout_id) }),
  )
}
