import { statement } from '../db/statement.ts'

export interface EnqueuedRow {
  readonly slot: number
  readonly full: boolean
  readonly devices: string[]
}

// A device's slot: where it connected last, else where the registry says that it will connect. All or nothing: one slot that is
// full keeps everything out. A broker that no connector has ever served has no slot; its devices are not among the answer.
export const enqueueAlike = statement<
  [readonly string[], string, number, string, Buffer, boolean],
  EnqueuedRow
>(
  'outbox_enqueue_alike',
  `
  with s as (
    select c.slot, array_agg(d.device_id order by d.device_id) as devices
      from devices d
      left join device_presence p on p.device_id = d.device_id
      join connector_slots c on c.broker = coalesce(p.cell, d.broker_endpoint) and c.class = $2::text
     where d.device_id = any($1::text[])
     group by c.slot),
  f as (
    select s.slot, s.devices,
           (select count(*) from (select from outbox o where o.slot = s.slot limit $3::int) w) >= $3::int as "full"
      from s),
  o as (
    insert into outbox (slot, device_ids, topic, payload, retain)
    select f.slot, f.devices, $4::text, $5::bytea, $6::boolean from f
     where not exists (select from f where f."full") order by f.slot)
  select slot, "full", devices from f`,
)

export const enqueueEach = statement<
  [readonly string[], string, number, readonly string[], readonly Buffer[], readonly boolean[]],
  EnqueuedRow
>(
  'outbox_enqueue_each',
  `
  with m as (
    select m.* from unnest($1::text[], $4::text[], $5::bytea[], $6::boolean[])
      with ordinality m(device_id, topic, payload, retain, n)),
  s as (
    select c.slot, m.device_id, m.topic, m.payload, m.retain, m.n
      from m
      join devices d using (device_id)
      left join device_presence p on p.device_id = d.device_id
      join connector_slots c on c.broker = coalesce(p.cell, d.broker_endpoint) and c.class = $2::text),
  f as (
    select s.slot, array_agg(distinct s.device_id) as devices,
           (select count(*) from (select from outbox o where o.slot = s.slot limit $3::int) w) >= $3::int as "full"
      from s group by s.slot),
  o as (
    insert into outbox (slot, device_ids, topic, payload, retain)
    select s.slot, array[s.device_id], s.topic, s.payload, s.retain from s
     where not exists (select from f where f."full") order by s.n)
  select slot, "full", devices from f`,
)

export const notifySlots = statement<[readonly string[]], { sent: string }>(
  'outbox_notify',
  `select pg_notify('outbox', slot)::text as sent from unnest($1::text[]) slot`,
)
