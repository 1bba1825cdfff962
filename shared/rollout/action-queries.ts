import { statement } from '../db/statement.ts'
import type { ActionState, Phase } from './action.ts'

export interface ActionRow {
  device_id: string
  number: number
  rollout_id: number
  rollout: string
  release: string
  version: string
  grp: number
  phase: Phase
  state: ActionState
  state_at: Date
  created_at: Date
  from_version: string | null
  agent_verdict: string | null
  attempt: number
}

export const listActions = statement<
  [
    device: string | null,
    rollout: number | null,
    state: string | null,
    phase: string | null,
    afterDevice: string | null,
    afterNumber: number | null,
    limit: number,
  ],
  ActionRow
>(
  'actions_list',
  `select a.device_id, a.number, a.rollout_id, r.name as rollout, l.name as release, l.version, a.grp, a.phase, a.state, a.state_at, a.created_at,
          a.from_version, a.agent_verdict, a.attempt
     from actions a join rollouts r using (rollout_id) join releases l on l.release_id = a.release_id
    where ($1::text is null or a.device_id = $1) and ($2::int is null or a.rollout_id = $2) and ($3::text is null or a.state = $3)
      and ($4::text is null or a.phase = $4) and ($5::text is null or (a.device_id, a.number) > ($5, $6::int))
    order by a.device_id, a.number limit $7::int`,
)

export const readAction = statement<[string, number], ActionRow>(
  'action_read',
  `select a.device_id, a.number, a.rollout_id, r.name as rollout, l.name as release, l.version, a.grp, a.phase, a.state, a.state_at, a.created_at,
          a.from_version, a.agent_verdict, a.attempt
     from actions a join rollouts r using (rollout_id) join releases l on l.release_id = a.release_id
    where a.device_id = $1::text and a.number = $2::int`,
)

export interface StatusRow {
  at: Date
  state: ActionState
  code: number | null
  progress: number | null
  messages: string | null
}

// Bounded below by the action's own beginning: older partitions are not opened.
export const readStatus = statement<[string, number, Date, number], StatusRow>(
  'action_status_read',
  `select at, state, code, progress, messages from action_status
    where device_id = $1::text and number = $2::int and at >= $3::timestamptz order by at limit $4::int`,
)

export interface StandingRow {
  device_id: string
  number: number
  rollout_id: number
  state: ActionState
  agent_verdict: string | null
  state_at: Date
  version: string
}

export const readStandings = statement<
  [readonly string[], readonly number[]],
  StandingRow & { status: string }
>(
  'actions_standing',
  `select a.device_id, a.number, a.rollout_id, a.state, a.agent_verdict, a.state_at, l.version, d.status
     from unnest($1::text[], $2::int[]) t(device_id, number) join actions a using (device_id, number) join releases l using (release_id)
     join devices d on d.device_id = a.device_id`,
)

export const readAwaiting = statement<[readonly string[], readonly string[]], StandingRow>(
  'actions_awaiting',
  `select a.device_id, a.number, a.rollout_id, a.state, a.agent_verdict, a.state_at, l.version
     from actions a join releases l using (release_id)
    where a.device_id = any($1::text[]) and a.phase = 'open' and a.state = any($2::text[]) order by a.device_id, a.number`,
)

export interface MovedRow {
  device_id: string
  number: number
  rollout_id: number
  state: ActionState
  phase: Phase
}

// The guard of the state machine is the state that was read; an end is told to the engine in the same statement.
export const moveActions = statement<
  [
    devices: readonly string[],
    numbers: readonly number[],
    from: readonly string[],
    to: readonly string[],
    phases: readonly string[],
    verdicts: readonly (string | null)[],
  ],
  MovedRow
>(
  'actions_move',
  `with i as (
     select device_id, number, came, went, phase, verdict
       from unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[]) t(device_id, number, came, went, phase, verdict)),
   u as (
     update actions a set state = i.went, phase = i.phase, state_at = now(), agent_verdict = i.verdict
       from i where a.device_id = i.device_id and a.number = i.number and a.state = i.came
     returning a.device_id, a.number, a.rollout_id, a.grp, a.state, a.phase, a.from_version),
   q as (
     insert into action_results (device_id, number, rollout_id, grp, outcome, hardware_rev, from_version)
     select u.device_id, u.number, u.rollout_id, u.grp, u.state, d.hardware_rev, u.from_version
       from u left join devices d using (device_id) where u.phase = 'ended')
   select device_id, number, rollout_id, state, phase from u order by device_id, number`,
)

export const insertStatus = statement<
  [
    devices: readonly string[],
    numbers: readonly number[],
    states: readonly string[],
    codes: readonly (number | null)[],
    progress: readonly (number | null)[],
    messages: readonly (string | null)[],
  ]
>(
  'action_status_insert',
  `insert into action_status (device_id, number, at, state, code, progress, messages)
   select device_id, number, now() + n * interval '1 microsecond', state, code, progress, messages
     from unnest($1::text[], $2::int[], $3::text[], $4::int[], $5::smallint[], $6::text[]) with ordinality
       t(device_id, number, state, code, progress, messages, n)`,
)

// In the order of the key, so that batches of several instances do not lock each other out.
export const writeVersions = statement<
  [readonly string[], readonly string[]],
  { device_id: string; was: string }
>(
  'device_versions_write',
  `with i as (
     select d.device_id, t.version, d.firmware_ver as was from unnest($1::text[], $2::text[]) t(device_id, version)
       join devices d using (device_id) where d.firmware_ver <> t.version order by d.device_id for update of d)
   update devices d set firmware_ver = i.version, revision = d.revision + 1, updated_at = now()
     from i where d.device_id = i.device_id returning d.device_id, i.was`,
)

export const retryActions = statement<[number, number], { retried: number }>(
  'actions_retry',
  `with c as (
     select distinct on (a.device_id) a.device_id, a.number, a.grp, a.release_id, a.attempt, a.state
       from actions a where a.rollout_id = $1::int and a.phase = 'ended' order by a.device_id, a.number desc),
   f as (
     select device_id, number, grp, release_id, attempt from c
      where state in ('failed', 'rejected', 'timed_out')
        and not exists (select from actions o where o.device_id = c.device_id and o.rollout_id = $1::int and o.phase <> 'ended')
        and not exists (select from action_results q where q.device_id = c.device_id and q.number = c.number)
      order by device_id limit $2::int),
   i as (
     insert into actions (device_id, number, rollout_id, grp, release_id, state, attempt)
     select device_id, greatest(number + 1, extract(epoch from now() - timestamptz '2026-01-01T00:00:00Z')::int), $1::int, grp, release_id, 'scheduled',
            attempt + 1
       from f
     on conflict do nothing returning grp),
   g as (
     update rollout_groups g set failed = g.failed - c.n, tolerated = least(g.tolerated, g.failed - c.n), state = 'running'
       from (select grp, count(*)::int as n from i group by grp) c where g.rollout_id = $1::int and g.grp = c.grp)
   select count(*)::int as retried from i`,
)

export interface ChunkSourceRow {
  device_id: string
  number: number
  object: string
  size: bigint
}

// The artifact for the device's own hardware, while the action is open and the device may have it.
export const readChunkSources = statement<[readonly string[], readonly number[]], ChunkSourceRow>(
  'action_chunk_sources',
  `select a.device_id, a.number, f.object, f.size
     from unnest($1::text[], $2::int[]) t(device_id, number) join actions a using (device_id, number)
     join devices d on d.device_id = a.device_id and d.status = 'active'
     join release_artifacts r on r.release_id = a.release_id and r.hardware_rev = d.hardware_rev
     join artifacts f on f.artifact_id = r.artifact_id and f.state = 'ready'
    where a.phase = 'open'`,
)

export type UnendedRow = Pick<ActionRow, 'device_id' | 'number' | 'state' | 'agent_verdict'>

export const readUnended = statement<[readonly string[], number | null], UnendedRow>(
  'actions_unended',
  `select device_id, number, state, agent_verdict from actions
    where device_id = any($1::text[]) and phase in ('scheduled', 'open') and ($2::int is null or rollout_id = $2)
    order by device_id, number for update`,
)
