import { statement } from '../db/statement.ts'

export type EventParams = [
  kinds: readonly string[],
  deviceIds: readonly (string | null)[],
  rolloutIds: readonly (number | null)[],
  payloads: readonly string[],
]

export const insertEvents = statement<EventParams>(
  'events_insert',
  `insert into events (kind, device_id, rollout_id, payload)
   select kind, device_id, rollout_id, payload
     from unnest($1::text[], $2::text[], $3::int[], $4::text[]) as t(kind, device_id, rollout_id, payload)`,
)
