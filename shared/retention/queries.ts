import { statement } from '../db/statement.ts'

const delete5000 = (table: string, condition: string) =>
  `with gone as (delete from ${table} where ctid = any(array(select ctid from ${table} where ${condition} limit 5000)) returning 1)
   select count(*)::int as gone from gone`

type Expiry = readonly [moment: Date]
const expire = (table: string, condition: string) =>
  statement<Expiry, { gone: number }>(`retention_${table}_expire`, delete5000(table, condition))

/** What ends by a moment of its own; the condition is what an index begins with. */
export const EXPIRED = {
  enrollments: expire('enrollments', 'expires_at <= $1::timestamptz'),
  certificates: expire('certificates', 'not_after <= $1::timestamptz'),
  revocations: expire('revocations', 'not_after <= $1::timestamptz'),
  seen_once: expire('seen_once', 'expires_at <= $1::timestamptz'),
  idempotency_keys: expire('idempotency_keys', 'expires_at <= $1::timestamptz'),
  webhook_retries: expire('webhook_retries', 'expires_at <= $1::timestamptz'),
  console_links: expire('console_links', 'expires_at <= $1::timestamptz'),
  operation_results: expire('operation_results', 'at <= $1::timestamptz'),
  operations: expire(
    'operations',
    `coalesce(finished_at, case when state = 'queued' and lease_until = 'infinity' then created_at end) <= $1::timestamptz`,
  ),
  actions: expire('actions', `phase = 'ended' and created_at <= $1::timestamptz`),
} as const

export const partitionAhead = statement<[table: string], { made: number }>(
  'retention_partition_ahead',
  `select partition_ahead($1::text) as made`,
)

export const partitionDrop = statement<[table: string], { gone: number }>(
  'retention_partition_drop',
  `select partition_drop($1::text) as gone`,
)

export const partitionCap = statement<[table: string, bytes: bigint], { dropped: boolean }>(
  'retention_partition_cap',
  `select partition_cap($1::text, $2::bigint) as dropped`,
)

export const countAhead = statement<[], { parent: string; ahead: number }>(
  'retention_partitions_ahead',
  `select p.relname::text as parent,
          count(*) filter (where right(c.relname, 8) > to_char(now() at time zone 'UTC', 'YYYYMMDD'))::int as ahead
     from pg_inherits i join pg_class c on c.oid = i.inhrelid join pg_class p on p.oid = i.inhparent
    where p.relnamespace = 'public'::regnamespace and p.relkind = 'p' group by p.relname`,
)

export const markHealth = statement<[name: string, problem: string | null]>(
  'retention_health_mark',
  `insert into health_marks (name, at, problem) values ($1::text, now(), $2::text)
   on conflict (name) do update set at = excluded.at, problem = excluded.problem`,
)
