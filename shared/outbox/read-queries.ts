import { statement } from '../db/statement.ts'

export interface WaitingRow {
  readonly id: bigint
  readonly devices: string[]
}

// `epoch` is the connection whose call wrote the row: its answer carries the messages, so the row is left alone while that
// connection lives, save when it has become old. `id > $2` keeps the scan off rows that are dead but not yet vacuumed, which an
// old snapshot makes many of (33 ms to 0.2 ms with 360,000 of them).
export const pollRows = statement<[number, bigint, bigint, number], WaitingRow>(
  'outbox_poll',
  `
  select id, coalesce(device_ids, '{}') as devices
    from outbox
   where slot = $1::smallint and id > $2::bigint
     and (epoch is null or epoch < $3::bigint or at < clock_timestamp() - interval '10 s')
   order by id
   limit $4::int`,
)

export const rowsOfDevices = statement<[number, readonly string[], number], WaitingRow>(
  'outbox_find',
  `
  select id, coalesce(device_ids, '{}') as devices
    from outbox
   where slot = $1::smallint and device_ids && $2::text[]
   order by id
   limit $3::int`,
)

export const deleteRows = statement<[number, readonly bigint[]]>(
  'outbox_delete',
  `delete from outbox where slot = $1::smallint and id = any($2::bigint[])`,
)

export const backlog = statement<[number], { readonly rows: bigint; readonly seconds: number }>(
  'outbox_backlog',
  `
  select count(*) as rows,
         coalesce(extract(epoch from clock_timestamp() - min(at)), 0)::float8 as seconds
    from (select at from outbox where slot = $1::smallint order by id limit 200000) w`,
)
