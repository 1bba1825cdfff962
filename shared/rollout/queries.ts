import { statement } from '../db/statement.ts'
import type { GroupRow, RolloutRow, RolloutStatus } from './rollout.ts'

export const insertRollout = statement<
  [string, number, string, RolloutStatus, string, string, string],
  { rollout_id: number }
>(
  'rollout_insert',
  `insert into rollouts (name, release_id, query, status, kind, rules, author)
   values ($1::text, $2::int, $3::text, $4::text, $5::text, $6::jsonb, $7::text)
   on conflict do nothing returning rollout_id`,
)

export const writeGroups = statement<[number, readonly number[]]>(
  'rollout_groups_write',
  `insert into rollout_groups (rollout_id, grp, percent, state)
   select $1::int, n::smallint, percent, 'scheduled' from unnest($2::float8[]) with ordinality t(percent, n)`,
)

export const dropGroups = statement<[number]>(
  'rollout_groups_drop',
  `delete from rollout_groups where rollout_id = $1::int`,
)

export const findRollout = statement<[string, number | null], RolloutRow>(
  'rollout_find',
  `select r.rollout_id, r.name, r.release_id, l.name as release, l.version, r.query, r.status, r.kind, r.rules, r.cursor, r.problem,
          r.selected_at, r.checked_at, r.author, r.approver, r.revision, r.created_at, r.finished_at
     from rollouts r join releases l using (release_id) where r.name = $1::text or r.rollout_id = $2::int`,
)

export const lockRollout = statement<[number], { status: RolloutStatus; revision: bigint }>(
  'rollout_lock',
  `select status, revision from rollouts where rollout_id = $1::int for update`,
)

export const listRollouts = statement<[string | null, number | null, number], RolloutRow>(
  'rollouts_list',
  `select r.rollout_id, r.name, r.release_id, l.name as release, l.version, r.query, r.status, r.kind, r.rules, r.cursor, r.problem,
          r.selected_at, r.checked_at, r.author, r.approver, r.revision, r.created_at, r.finished_at
     from rollouts r join releases l using (release_id)
    where ($1::text is null or r.status = $1) and ($2::int is null or r.rollout_id < $2)
    order by r.rollout_id desc limit $3::int`,
)

export const readGroups = statement<[readonly number[]], GroupRow>(
  'rollout_groups_read',
  `select rollout_id, grp, percent, state, total, released, succeeded, failed, cancelled, tolerated
     from rollout_groups where rollout_id = any($1::int[]) order by rollout_id, grp`,
)

export const editRollout = statement<
  [number, number, string, RolloutStatus, string, string, string],
  { rollout_id: number }
>(
  'rollout_edit',
  `update rollouts set release_id = $2::int, query = $3::text, status = $4::text, kind = $5::text, rules = $6::jsonb, author = $7::text,
          approver = null, problem = null, revision = revision + 1
    where rollout_id = $1::int and status in ('draft', 'waiting_for_approval', 'ready') and selected_at is null returning rollout_id`,
)

export const deleteRollout = statement<[number], { rollout_id: number }>(
  'rollout_delete',
  `delete from rollouts where rollout_id = $1::int and selected_at is null
      and status in ('draft', 'waiting_for_approval', 'ready') returning rollout_id`,
)

// The guard of the state machine: no row means that the rollout is not where it should be.
export const moveRollout = statement<
  [number, RolloutStatus, readonly RolloutStatus[], string | null],
  { rollout_id: number }
>(
  'rollout_move',
  `update rollouts set status = $2::text, problem = $4::text, revision = revision + 1,
          finished_at = case when $2::text in ('finished', 'stopped') then now() end
    where rollout_id = $1::int and status = any($3::text[]) returning rollout_id`,
)

// A start, or a resume of one that was not yet through: the artifacts are hashed again first.
export const beginStart = statement<[number, Date], { rollout_id: number }>(
  'rollout_start',
  `update rollouts set checked_at = null, selected_at = coalesce(selected_at, $2::timestamptz)
    where rollout_id = $1::int and status = 'starting' returning rollout_id`,
)

export const approveRollout = statement<[number, string], { rollout_id: number }>(
  'rollout_approve',
  `update rollouts set approver = $2::text where rollout_id = $1::int and author <> $2::text returning rollout_id`,
)

export const markChecked = statement<[number, Date], { rollout_id: number }>(
  'rollout_checked',
  `update rollouts set checked_at = $2::timestamptz where rollout_id = $1::int and status = 'starting' returning rollout_id`,
)

export const runGroup = statement<[number, number], { grp: number }>(
  'rollout_group_run',
  `update rollout_groups set state = 'running' where rollout_id = $1::int and grp = $2::int and state <> 'running' returning grp`,
)

export const endGroup = statement<[number, number, 'finished' | 'failed'], { grp: number }>(
  'rollout_group_end',
  `update rollout_groups set state = $3::text where rollout_id = $1::int and grp = $2::int and state = 'running' returning grp`,
)

// Going on: what failed so far no longer counts.
export const tolerateFailures = statement<[number], { grp: number }>(
  'rollout_groups_tolerate',
  `update rollout_groups set tolerated = failed, state = 'running' where rollout_id = $1::int and state = 'failed' returning grp`,
)

// A change that leaves the status alone gives a new revision all the same.
export const touchRollout = statement<[number]>(
  'rollout_touch',
  `update rollouts set revision = revision + 1 where rollout_id = $1::int`,
)
