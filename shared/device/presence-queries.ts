import { statement } from '../db/statement.ts'

export interface PresenceChange {
  device_id: string
  connected: boolean
  was: boolean
}

// The late will of a connection to another broker does not count, nor does the news of one that a lagging connector brings: the device is where
// it connected last, by the brokers' clocks. What has no time is of now. A device that came to another broker is looked at there once more: what was
// written until now went to the old one. A lightweight one is looked at on the old one too: when it returns it must not find an old document.
export const writePresence = statement<
  [
    ids: readonly string[],
    connected: readonly boolean[],
    at: readonly (Date | null)[],
    slot: number,
  ],
  PresenceChange
>(
  'device_presence_write',
  `with i as (
     select t.device_id, t.connected, t.at, c.broker as cell
       from unnest($1::text[], $2::boolean[], $3::timestamptz[]) as t(device_id, connected, at)
       join devices d on d.device_id = t.device_id
       left join connector_slots c on c.slot = $4::smallint),
   b as (select p.device_id, p.connected, p.cell from device_presence p where p.device_id = any($1::text[])),
   w as (
     insert into device_presence as p (device_id, last_seen, connected, connected_at, cell)
     select device_id, now(), connected, case when connected then coalesce(at, now()) end, cell from i order by device_id
         on conflict (device_id) do update
        set last_seen = excluded.last_seen, connected = excluded.connected,
            connected_at = case when not excluded.connected then p.connected_at
                                when p.connected and p.cell is not distinct from excluded.cell
                                then greatest(p.connected_at, (select i.at from i where i.device_id = p.device_id))
                                else excluded.connected_at end,
            cell = case when excluded.connected then excluded.cell else p.cell end
      where p.cell is not distinct from excluded.cell
         or (excluded.connected and excluded.connected_at >= date_trunc('second', coalesce(p.connected_at, '-infinity')))
     returning p.device_id, p.connected, p.cell),
   l as (
     insert into outbox (slot, device_ids)
     select c.slot, array_agg(w.device_id order by w.device_id)
       from w
       join b on b.device_id = w.device_id and b.cell <> w.cell
       join connector_slots c on c.broker in (b.cell, w.cell) and c.class = 'shadow'
      where c.broker = w.cell
         or exists (select from shadows s where s.device_id = w.device_id and s.shadow = '' and s.retained)
      group by c.slot)
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
