import { statement } from '../db/statement.ts'

export const writeStoreMark = statement<[Date, string | null]>(
  'store_mark_write',
  `insert into health_marks (name, at, problem) values ('store', $1::timestamptz, $2::text)
   on conflict (name) do update set at = excluded.at, problem = excluded.problem`,
)
