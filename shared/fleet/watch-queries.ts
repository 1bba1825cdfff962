import { statement } from '../db/statement.ts'

export interface SlotRow {
  slot: number
  broker: string
  class: string
  unheld: number
  waiting: number
}

// A lease is renewed each half second; one that ended long ago, or was never taken, counts from the epoch: old enough for any alert.
export const readSlotWatch = statement<[], SlotRow>(
  'watch_slots_read',
  `select c.slot, c.broker, c.class,
          greatest(0, extract(epoch from clock_timestamp() - greatest(c.lease_until, 'epoch'::timestamptz)))::float8 as unheld,
          coalesce(extract(epoch from clock_timestamp() - (select o.at from outbox o where o.slot = c.slot order by o.id limit 1)), 0)::float8 as waiting
     from connector_slots c order by c.slot limit 1000`,
)

export interface IssuerRow {
  issuer_id: number
  state: string
  ends: number
  crl_ends: number | null
}

export const readIssuerWatch = statement<[], IssuerRow>(
  'watch_issuers_read',
  `select i.issuer_id, i.state, extract(epoch from i.not_after)::float8 as ends,
          (select extract(epoch from min(c.next_update))::float8 from crls c where c.issuer_id = i.issuer_id) as crl_ends
     from issuers i where i.not_after > now() order by i.issuer_id limit 50`,
)

// What an operator renews by hand. A one-time token is made to end, so those of one use count for nobody.
export const countEnding = statement<[until: Date], { kind: string; ending: bigint }>(
  'watch_credentials_count',
  `select kind, count(*) as ending from (
     select kind from bootstrap_credentials
      where enabled and kind <> 'token' and expires_at > now() and expires_at < $1::timestamptz
     union all
     select kind from api_tokens where revoked_at is null and expires_at > now() and expires_at < $1::timestamptz) e
    group by kind order by kind`,
)

// Each count ends at 1,001, by the index: a number above says no more.
export const countCertificatesEnding = statement<
  [days: readonly number[]],
  { days: number; devices: bigint }
>(
  'watch_certificates_count',
  `select d.days, (select count(*) from (select from devices
                     where cert_expires > now() and cert_expires < now() + make_interval(days => d.days)
                       and status <> 'decommissioned' limit 1001) c) as devices
     from unnest($1::int[]) d(days) order by d.days`,
)

export interface RolloutRow {
  name: string
  total: bigint
  succeeded: bigint
  failed: bigint
  cancelled: bigint
}

export const readRolloutWatch = statement<[limit: number], RolloutRow>(
  'watch_rollouts_read',
  `select r.name, sum(g.total) as total, sum(g.succeeded) as succeeded, sum(g.failed) as failed, sum(g.cancelled) as cancelled
     from rollouts r join rollout_groups g on g.rollout_id = r.rollout_id
    where r.status in ('starting', 'running', 'paused', 'stopping')
    group by r.rollout_id order by r.rollout_id desc limit $1::int`,
)

export const readTicks = statement<[], { schedule: string; seconds: number }>(
  'watch_ticks_read',
  `select schedule, extract(epoch from clock_timestamp() - greatest(done, 'epoch'::timestamptz))::float8 as seconds
     from cron_ticks order by schedule limit 50`,
)

export const readPartitionsAhead = statement<[], { parent: string; ahead: number }>(
  'watch_partitions_read',
  `select p.relname::text as parent,
          count(*) filter (where right(c.relname, 8) > to_char(now() at time zone 'UTC', 'YYYYMMDD'))::int as ahead
     from pg_inherits i join pg_class c on c.oid = i.inhrelid join pg_class p on p.oid = i.inhparent
    where p.relnamespace = 'public'::regnamespace and p.relkind = 'p' group by p.relname order by p.relname`,
)

export interface DatabaseRow {
  snapshot: number
  hidden: number
  bytes: bigint
  sessions: bigint
  sessions_limit: number
  commits: bigint
  rollbacks: bigint
  deadlocks: bigint
  temp_bytes: bigint
}

export const readDatabaseWatch = statement<[], DatabaseRow>(
  'watch_database_read',
  `select s.seconds as snapshot, s.hidden, pg_database_size(d.datid) as bytes,
          (select count(*) from pg_stat_activity where datid = d.datid) as sessions,
          current_setting('max_connections')::int as sessions_limit,
          d.xact_commit as commits, d.xact_rollback as rollbacks, d.deadlocks, d.temp_bytes
     from pg_stat_database d, oldest_snapshot() s where d.datname = current_database()`,
)
