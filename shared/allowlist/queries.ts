import { statement } from '../db/statement.ts'
import type { EntryState, Match } from './entry.ts'

export interface EntryRow {
  value: string
  match: Match
  device_id: string | null
  hardware_rev: string | null
  credentials: string[] | null
  expires_at: Date | null
  uses: number
  max_uses: number
  state: EntryState
}

const COLUMNS =
  'value, match, device_id, hardware_rev, credentials, expires_at, uses, max_uses, state'

export const listEntries = statement<
  [
    state: string | null,
    match: string | null,
    afterValue: string | null,
    afterMatch: string | null,
    limit: number,
  ],
  EntryRow
>(
  'allowlist_list',
  `select ${COLUMNS} from allowlist
    where ($1::text is null or state = $1::text) and ($2::text is null or match = $2::text)
      and ($3::text is null or (value, match) > ($3::text, $4::text))
    order by value, match limit $5::int`,
)

export const readEntry = statement<[value: string, match: string], EntryRow>(
  'allowlist_entry_read',
  `select ${COLUMNS} from allowlist where value = $1::text and match = $2::text`,
)

// An entry that stands is changed, its uses and state stay: an import twice is an import once.
export const saveEntry = statement<[entry: string, importId: number], EntryRow>(
  'allowlist_entry_save',
  `insert into allowlist as a (value, match, device_id, hardware_rev, credentials, expires_at, max_uses, import_id)
   select e.value, e.match, e.device_id, e.hardware_rev, e.credentials, e.expires_at, e.max_uses, $2::int
     from jsonb_to_record($1::jsonb)
       as e(value text, match text, device_id text, hardware_rev text, credentials text[], expires_at timestamptz, max_uses int)
       on conflict (value, match) do update
      set device_id = excluded.device_id, hardware_rev = excluded.hardware_rev, credentials = excluded.credentials,
          expires_at = excluded.expires_at, max_uses = excluded.max_uses, import_id = excluded.import_id
   returning ${COLUMNS}`,
)

// Opened again by hand it counts anew; with more uses than it has had it is open again.
export const changeEntry = statement<
  [
    value: string,
    match: string,
    state: string | null,
    expiresAt: string | null,
    clearExpiry: boolean,
    maxUses: number | null,
  ],
  EntryRow
>(
  'allowlist_entry_change',
  `update allowlist
      set state = case when $3::text is not null then $3::text when state = 'used' and $6::int > uses then 'open' else state end,
          uses = case when $3::text = 'open' then 0 else uses end, max_uses = coalesce($6::int, max_uses),
          expires_at = case when $5::boolean then null else coalesce($4::timestamptz, expires_at) end
    where value = $1::text and match = $2::text returning ${COLUMNS}`,
)

export const removeEntry = statement<[value: string, match: string], { value: string }>(
  'allowlist_entry_remove',
  `delete from allowlist where value = $1::text and match = $2::text returning value`,
)

export const readUnknownCredentials = statement<[ids: readonly string[]], { id: string }>(
  'credentials_unknown_read',
  `select i.id from unnest($1::text[]) i(id)
    where not exists (select from bootstrap_credentials c where c.credential_id = i.id) limit 20`,
)

// Import: rows are staged as JSON, `{"fault": "…"}` where a line is bad.

export const clearStaged = statement<[operation: number, from: number, to: number]>(
  'import_rows_clear',
  `delete from import_rows where operation_id = $1::int and line between $2::int and $3::int`,
)

export const stageRows = statement<
  [operation: number, lines: readonly number[], rows: readonly string[]]
>(
  'import_rows_stage',
  `insert into import_rows (operation_id, line, row)
   select $1::int, line, row from unnest($2::int[], $3::text[]) as t(line, row)`,
)

export interface StagedCount {
  lines: bigint
  first: number | null
  last: number | null
  faulty: bigint
}

export const countStaged = statement<[operation: number], StagedCount>(
  'import_rows_count',
  `select count(*) as lines, min(line) as first, max(line) as last, count(*) filter (where row like '{"fault":%') as faulty
     from import_rows where operation_id = $1::int`,
)

export interface LineFault {
  line: number
  reason: string
}

export const readFaultyLines = statement<[operation: number, limit: number], LineFault>(
  'import_rows_faulty',
  `select line, row::jsonb ->> 'fault' as reason from import_rows
    where operation_id = $1::int and row like '{"fault":%' order by line limit $2::int`,
)

export const readRepeatedLines = statement<[operation: number, limit: number], LineFault>(
  'import_rows_repeated',
  `select line, 'the same match and value as line ' || first as reason
     from (select line, min(line) over (partition by row::jsonb ->> 'match', row::jsonb ->> 'value') as first
             from import_rows where operation_id = $1::int and line > 1 and row not like '{"fault":%') r
    where line > first order by line limit $2::int`,
)

export const readStrayCredentials = statement<[operation: number, limit: number], LineFault>(
  'import_rows_stray_credentials',
  `select r.line, 'no credential ' || c.id as reason
     from import_rows r cross join lateral jsonb_array_elements_text(r.row::jsonb -> 'credentials') c(id)
    where r.operation_id = $1::int and r.line > 1 and r.row not like '{"fault":%'
      and jsonb_typeof(r.row::jsonb -> 'credentials') = 'array'
      and not exists (select from bootstrap_credentials b where b.credential_id = c.id)
    order by r.line limit $2::int`,
)

// ONE statement: nothing half-imported is ever seen.
export const takeStaged = statement<[operation: number], { taken: bigint }>(
  'import_rows_take',
  `with e as (
     select e.* from import_rows r,
            jsonb_to_record(r.row::jsonb)
              as e(value text, match text, device_id text, hardware_rev text, credentials text[], expires_at timestamptz, max_uses int)
      where r.operation_id = $1::int and r.line > 1
      order by e.value collate "C", e.match collate "C"),
   i as (
     insert into allowlist as a (value, match, device_id, hardware_rev, credentials, expires_at, max_uses, import_id)
     select value, match, device_id, hardware_rev, credentials, expires_at, max_uses, $1::int from e
         on conflict (value, match) do update
        set device_id = excluded.device_id, hardware_rev = excluded.hardware_rev, credentials = excluded.credentials,
            expires_at = excluded.expires_at, max_uses = excluded.max_uses, import_id = excluded.import_id
     returning 1)
   select count(*) as taken from i`,
)

export const dropStaged = statement<[operation: number]>(
  'import_rows_drop',
  `delete from import_rows where operation_id = $1::int`,
)
