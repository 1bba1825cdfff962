import { statement } from '../db/statement.ts'

export const countStatuses = statement<[], { status: string; devices: bigint }>(
  'fleet_statuses_count',
  `select status, count(*) as devices from devices group by status`,
)

export const countConnected = statement<[], { devices: bigint }>(
  'fleet_connected_count',
  `select count(*) as devices from device_presence where connected`,
)

// By the index alone: at a million devices the table itself would be read for half a second. Builds of one version count together.
export const countVersions = statement<[limit: number], { firmware_ver: string; devices: bigint }>(
  'fleet_versions_count',
  `with top as (
     select firmware_key, count(*) as devices from devices where status = 'active' and firmware_key is not null
      group by firmware_key order by devices desc, firmware_key limit $1::int)
   select (select d.firmware_ver from devices d where d.status = 'active' and d.firmware_key = top.firmware_key limit 1) as firmware_ver,
          top.devices
     from top order by top.devices desc, top.firmware_key`,
)

export const countHardware = statement<[limit: number], { hardware_rev: string; devices: bigint }>(
  'fleet_hardware_count',
  `select hardware_rev, count(*) as devices from devices where hardware_rev <> ''
    group by hardware_rev order by devices desc, hardware_rev limit $1::int`,
)

export interface AttentionRow {
  pending: bigint
  expiring: bigint
  dead: bigint
  failed_operations: bigint
  running_operations: bigint
  approvals: bigint
  paused: bigint
  live_rollouts: bigint
  open_actions: bigint
}

// Each count ends at 1,001: more than anybody would look through by hand.
export const countAttention = statement<[now: Date, soon: Date, dayAgo: Date], AttentionRow>(
  'fleet_attention_count',
  `select
     (select count(*) from (select from enrollments where state = 'pending' limit 1001) c) as pending,
     (select count(*) from (select from devices where cert_expires > $1::timestamptz and cert_expires < $2::timestamptz
                               and status <> 'decommissioned' limit 1001) c) as expiring,
     (select count(*) from (select from dead_letters where at >= $3::timestamptz and replayed_at is null limit 1001) c) as dead,
     (select count(*) from (select from operations where state = 'failed' and finished_at >= $3::timestamptz limit 1001) c) as failed_operations,
     (select count(*) from (select from operations where state in ('queued', 'running') and lease_until <> 'infinity' limit 1001) c) as running_operations,
     (select count(*) from rollouts where status = 'waiting_for_approval') as approvals,
     (select count(*) from rollouts where status = 'paused') as paused,
     (select count(*) from rollouts where status in ('starting', 'running', 'stopping')) as live_rollouts,
     (select count(*) from (select from actions where phase = 'open' limit 100001) c) as open_actions`,
)

export const readOutboxBacklog = statement<[], { slot: number; rows: bigint; seconds: number }>(
  'fleet_outbox_backlog',
  `select c.slot, (select count(*) from (select from outbox o where o.slot = c.slot limit 200001) w) as rows,
          coalesce(extract(epoch from now() - (select o.at from outbox o where o.slot = c.slot order by o.id limit 1)), 0)::float8 as seconds
     from connector_slots c order by c.slot`,
)
