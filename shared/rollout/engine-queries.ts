import { statement } from '../db/statement.ts'
import type { ActionState } from './action.ts'
import type { RolloutStatus } from './rollout.ts'

// Starting ones wait until their artifacts were hashed again.
export const readLiveRollouts = statement<[], { rollout_id: number; status: RolloutStatus }>(
  'rollouts_live',
  `select rollout_id, status from rollouts
    where status in ('starting', 'running', 'stopping') and (status <> 'starting' or checked_at is not null) order by rollout_id`,
)

// The engine's statements are planned each time, which costs 0.5 ms: with a plan kept from when action_results was empty, 25,000 ends ran into the
// time-out of 5 s, each compared with 20,000 tids; planned afresh they take 0.06 s.
export const planAfresh = statement<[], { set: string }>(
  'engine_plan_afresh',
  `select set_config('plan_cache_mode', 'force_custom_plan', true) as set`,
)

// A step that is still under way elsewhere holds the row: leave it to that one.
export const takeRollout = statement<[number, RolloutStatus], { rollout_id: number }>(
  'rollout_take',
  `select rollout_id from rollouts where rollout_id = $1::int and status = $2::text for update skip locked`,
)

// An artifact that was blocked while its rollout ran: by a revoked key, or by another rollout's check.
export const readUnsound = statement<[number], { artifact_id: number }>(
  'rollout_unsound',
  `select f.artifact_id from release_artifacts a join artifacts f using (artifact_id)
    where a.release_id = $1::int and f.state <> 'ready' order by f.artifact_id limit 1`,
)

export const saveCursor = statement<[number, string | null]>(
  'rollout_cursor_save',
  `update rollouts set cursor = $2::text where rollout_id = $1::int`,
)

// Ends of actions, taken and counted at once. O(ends), never of the fleet.
export const drainResults = statement<[number], { drained: number }>(
  'action_results_drain',
  `with d as (
     delete from action_results where ctid = any(array(select ctid from action_results limit $1::int)) returning rollout_id, grp, outcome),
   c as (
     select rollout_id, grp, count(*) filter (where outcome = 'succeeded')::int as succeeded,
            count(*) filter (where outcome in ('failed', 'rejected', 'timed_out'))::int as failed,
            count(*) filter (where outcome = 'cancelled')::int as cancelled
       from d group by rollout_id, grp),
   u as (
     update rollout_groups g set succeeded = g.succeeded + c.succeeded, failed = g.failed + c.failed, cancelled = g.cancelled + c.cancelled
       from c where g.rollout_id = c.rollout_id and g.grp = c.grp)
   select count(*)::int as drained from d`,
)

export interface OfferRow {
  device_id: string
  number: number
  hardware_rev: string
}

// One open action a device: another rollout's is waited for. Suspended devices wait too.
export const offerActions = statement<[number, number, number, number], OfferRow>(
  'actions_offer',
  `with c as (
     select a.device_id, a.number from actions a
      where a.rollout_id = $1::int and a.grp = $2::int and a.phase = 'scheduled'
        and exists (select from devices d where d.device_id = a.device_id and d.status = 'active')
        and not exists (select from actions o where o.device_id = a.device_id and o.phase = 'open')
      order by a.device_id limit $3::int for update of a skip locked),
   u as (
     update actions a set phase = 'open', state = 'offered', state_at = now(), check_at = now() + make_interval(secs => $4::int),
            from_version = d.firmware_ver
       from c join devices d on d.device_id = c.device_id
      where a.device_id = c.device_id and a.number = c.number and a.phase = 'scheduled'
     returning a.device_id, a.number, d.hardware_rev),
   s as (insert into action_status (device_id, number, state) select device_id, number, 'offered' from u),
   g as (
     update rollout_groups g set released = g.released + (select count(*)::int from u)
      where g.rollout_id = $1::int and g.grp = $2::int and exists (select from u))
   select device_id, number, hardware_rev from u order by device_id`,
)

// What is not yet being installed is called back; with a group, only devices that will never answer: gone or decommissioned.
export const cancelActions = statement<[number, readonly string[], number], { cancelled: number }>(
  'actions_cancel_rollout',
  `with c as (
     select a.device_id, a.number from actions a
      where a.rollout_id = $1::int and a.phase in ('scheduled', 'open') and a.state = any($2::text[])
      order by a.device_id limit $3::int for update),
   u as (
     update actions a set phase = 'ended', state = 'cancelled', state_at = now(), check_at = null
       from c where a.device_id = c.device_id and a.number = c.number and a.state = any($2::text[])
     returning a.device_id, a.number, a.rollout_id, a.grp, a.from_version),
   s as (insert into action_status (device_id, number, state) select device_id, number, 'cancelled' from u),
   q as (
     insert into action_results (device_id, number, rollout_id, grp, outcome, from_version)
     select device_id, number, rollout_id, grp, 'cancelled', from_version from u)
   select count(*)::int as cancelled from u`,
)

export const cancelGone = statement<[number, number], { cancelled: number }>(
  'actions_cancel_gone',
  `with c as (
     select a.device_id, a.number from actions a
      where a.rollout_id = $1::int and a.grp = $2::int and a.phase = 'scheduled'
        and not exists (select from devices d where d.device_id = a.device_id and d.status <> 'decommissioned')
      order by a.device_id limit 1000 for update of a),
   u as (
     update actions a set phase = 'ended', state = 'cancelled', state_at = now()
       from c where a.device_id = c.device_id and a.number = c.number and a.phase = 'scheduled'
     returning a.device_id, a.number, a.rollout_id, a.grp),
   s as (insert into action_status (device_id, number, state) select device_id, number, 'cancelled' from u),
   q as (
     insert into action_results (device_id, number, rollout_id, grp, outcome)
     select device_id, number, rollout_id, grp, 'cancelled' from u)
   select count(*)::int as cancelled from u`,
)

export interface DueRow {
  device_id: string
  number: number
  rollout_id: number
  release_id: number
  grp: number
  state: ActionState
  state_at: Date
  due_at: Date
  from_version: string | null
  agent_verdict: string | null
  version: string
  firmware_ver: string | null
  status: string | null
  hardware_rev: string | null
  connected_at: Date | null
  timeouts: unknown
}

export const readDueActions = statement<[Date, number], DueRow>(
  'actions_due',
  `select a.device_id, a.number, a.rollout_id, a.release_id, a.grp, a.state, a.state_at, a.check_at as due_at, a.from_version, a.agent_verdict, l.version,
          d.firmware_ver, d.status, d.hardware_rev, case when p.connected then p.connected_at end as connected_at, r.rules -> 'timeouts' as timeouts
     from actions a
     join releases l using (release_id)
     join rollouts r using (rollout_id)
     left join devices d on d.device_id = a.device_id
     left join device_presence p on p.device_id = a.device_id
    where a.phase = 'open' and a.check_at <= $1::timestamptz order by a.check_at, a.device_id limit $2::int`,
)

export const saveChecks = statement<
  [
    devices: readonly string[],
    numbers: readonly number[],
    states: readonly string[],
    next: readonly Date[],
  ]
>(
  'actions_check_save',
  `update actions a set check_at = t.next
     from unnest($1::text[], $2::int[], $3::text[], $4::timestamptz[]) t(device_id, number, state, next)
    where a.device_id = t.device_id and a.number = t.number and a.state = t.state and a.phase = 'open'`,
)

export const readOpenOffers = statement<
  [readonly string[]],
  OfferRow & { release_id: number; kind: 'soft' | 'forced' }
>(
  'actions_open_offers',
  `select a.device_id, a.number, a.release_id, d.hardware_rev, r.kind
     from actions a join devices d on d.device_id = a.device_id and d.status = 'active' join rollouts r using (rollout_id)
    where a.device_id = any($1::text[]) and a.phase = 'open'
      and (a.state in ('retrieved', 'downloading', 'downloaded', 'installing') or (a.state = 'offered' and r.status = 'running'))`,
)
