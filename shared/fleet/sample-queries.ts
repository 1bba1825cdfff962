import { statement } from '../db/statement.ts'

// Two ticks at once: the later count stays.
export const writeSample = statement<[at: Date, numbers: string]>(
  'fleet_numbers_write',
  `insert into fleet_numbers as f (name, at, numbers) values ('fleet', $1::timestamptz, $2::jsonb)
   on conflict (name) do update set at = excluded.at, numbers = excluded.numbers where f.at < excluded.at`,
)

export const readSample = statement<[], { at: Date; numbers: unknown }>(
  'fleet_numbers_read',
  `select at, numbers from fleet_numbers where name = 'fleet'`,
)
