import { statement } from '../db/statement.ts'

export interface DeviceSlotRow {
  readonly device_id: string
  readonly status: string
  /** Null: no connector has served it for five minutes, the device asks when it comes. */
  readonly slot: number | null
  readonly full: boolean
}

export const readDeviceSlots = statement<[readonly string[], string, number], DeviceSlotRow>(
  'outbox_device_slots',
  `
  with d as (
    select d.device_id, d.status, c.slot
      from devices d
      left join device_presence p on p.device_id = d.device_id
      left join connector_slots c on c.broker = coalesce(p.cell, d.broker_endpoint) and c.class = $2::text
       and c.lease_until > now() - interval '5 minutes'
     where d.device_id = any($1::text[])),
  f as (
    select s.slot, (select count(*) from (select from outbox o where o.slot = s.slot limit $3::int) w) >= $3::int as "full"
      from (select distinct slot from d where slot is not null) s)
  select d.device_id, d.status, d.slot, coalesce(f."full", false) as "full" from d left join f using (slot)`,
)
