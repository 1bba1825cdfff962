import { statement } from '../db/statement.ts'

export interface PresenceChange {
  device_id: string
  connected: boolean
  was: boolean
}

// The late will of a connection to another broker does not count: the device is where it connected last.
export const writePresence = statement<
  [ids: readonly string[], connected: readonly boolean[], slot: number],
  PresenceChange
>(
  'device_presence_write',
  `with i as (
     select t.device_id, t.connected, c.broker as cell
       from unnest($1::text[], $2::boolean[]) as t(device_id, connected)
       join devices d on d.device_id = t.device_id
       left join connector_slots c on c.slot = $3::smallint),
   b as (select p.device_id, p.connected from device_presence p where p.device_id = any($1::text[])),
   w as (
     insert into device_presence as p (device_id, last_seen, connected, connected_at, cell)
     select device_id, now(), connected, case when connected then now() end, cell from i order by device_id
         on conflict (device_id) do update
        set last_seen = excluded.last_seen, connected = excluded.connected,
            connected_at = case when excluded.connected and not p.connected then excluded.last_seen else p.connected_at end,
            cell = case when excluded.connected then excluded.cell else p.cell end
      where excluded.connected or p.cell is not distinct from excluded.cell
     returning p.device_id, p.connected)
   select w.device_id, w.connected, coalesce(b.connected, false) as was from w left join b on b.device_id = w.device_id`,
)

// To the hour: exact is device_presence, which no index hangs on.
export const writeLastSeen = statement<[ids: readonly string[]]>(
  'device_last_seen_write',
  `update devices d set last_seen = date_trunc('hour', now())
     from (select device_id from devices where device_id = any($1::text[])
              and last_seen is distinct from date_trunc('hour', now()) order by device_id for update) i
    where d.device_id = i.device_id`,
)
