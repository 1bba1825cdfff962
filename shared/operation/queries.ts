import { statement } from '../db/statement.ts'
import type { OperationState } from './operation.ts'

export interface OperationRow {
  operation_id: number
  kind: string
  actor: string
  input: unknown
  query: string | null
  state: OperationState
  cursor: string | null
  total: number | null
  done: number
  failed: number
  created_at: Date
  finished_at: Date | null
}

export const insertOperation = statement<
  [
    kind: string,
    actor: string,
    owner: string,
    input: string,
    query: string | null,
    total: number | null,
    leaseUntil: string,
  ],
  { operation_id: number }
>(
  'operation_insert',
  `insert into operations (kind, actor, owner, input, query, total, lease_until)
   values ($1::text, $2::text, $3::text, $4::jsonb, $5::text, $6::int, $7::timestamptz) returning operation_id`,
)

// lease_until 'infinity': staged, not yet handed over. One statement: a slice belongs to whoever this gives it.
export const claimOperation = statement<
  [owner: string, holder: string, leaseSeconds: number],
  OperationRow
>(
  'operation_claim',
  `with due as (select operation_id from operations
                 where owner = $1::text and state in ('queued', 'running') and lease_until < clock_timestamp()
                 order by operation_id limit 1 for update skip locked)
   update operations o set holder = $2::text, state = 'running', lease_until = clock_timestamp() + make_interval(secs => $3::int)
     from due where o.operation_id = due.operation_id
   returning o.operation_id, o.kind, o.actor, o.input, o.query, o.state, o.cursor, o.total, o.done, o.failed, o.created_at, o.finished_at`,
)

// No row: the lease was lost or the operation was cancelled; the slice's transaction is rolled back.
export const saveSlice = statement<
  [
    id: number,
    holder: string,
    cursor: string | null,
    done: number,
    failed: number,
    total: number | null,
    leaseSeconds: number,
    end: 'succeeded' | 'failed' | null,
  ],
  OperationRow
>(
  'operation_slice_save',
  `update operations o
      set cursor = $3::text, done = done + $4::int, failed = failed + $5::int, total = coalesce($6::int, total),
          state = coalesce($8::text, state), finished_at = case when $8::text is null then null else now() end,
          lease_until = case when $8::text is null then clock_timestamp() + make_interval(secs => $7::int) else '-infinity' end
    where operation_id = $1::int and holder = $2::text and state = 'running'
   returning o.operation_id, o.kind, o.actor, o.input, o.query, o.state, o.cursor, o.total, o.done, o.failed, o.created_at, o.finished_at`,
)

export const releaseOperation = statement<[id: number, holder: string, seconds: number]>(
  'operation_release',
  `update operations set lease_until = clock_timestamp() + make_interval(secs => $3::int)
    where operation_id = $1::int and holder = $2::text and state = 'running'`,
)

export const queueOperation = statement<
  [id: number, total: number | null],
  { operation_id: number }
>(
  'operation_queue',
  `update operations set lease_until = '-infinity', total = coalesce($2::int, total)
    where operation_id = $1::int and state = 'queued' and lease_until = 'infinity' returning operation_id`,
)

export const cancelOperation = statement<[id: number], { operation_id: number }>(
  'operation_cancel',
  `update operations set state = 'cancelled', finished_at = now(), lease_until = '-infinity'
    where operation_id = $1::int and state in ('queued', 'running') returning operation_id`,
)

export const cancelStale = statement<[kind: string, before: Date], { operation_id: number }>(
  'operations_stale_cancel',
  `update operations set state = 'cancelled', finished_at = now(), lease_until = '-infinity'
    where kind = $1::text and state = 'queued' and lease_until = 'infinity' and created_at < $2::timestamptz
   returning operation_id`,
)

const COLUMNS =
  'operation_id, kind, actor, input, query, state, cursor, total, done, failed, created_at, finished_at'

export const readOperation = statement<[id: number], OperationRow>(
  'operation_read',
  `select ${COLUMNS} from operations where operation_id = $1::int`,
)

export const listOperations = statement<
  [kind: string | null, state: string | null, before: number | null, limit: number],
  OperationRow
>(
  'operations_list',
  `select ${COLUMNS} from operations
    where ($1::text is null or kind = $1::text) and ($2::text is null or state = $2::text)
      and ($3::int is null or operation_id < $3::int)
    order by operation_id desc limit $4::int`,
)

export const insertResults = statement<
  [
    id: number,
    keys: readonly string[],
    states: readonly string[],
    codes: readonly (string | null)[],
    details: readonly (string | null)[],
  ]
>(
  'operation_results_insert',
  `insert into operation_results (operation_id, device_id, state, code, detail)
   select $1::int, device_id, state, code, detail
     from unnest($2::text[], $3::text[], $4::text[], $5::text[]) as t(device_id, state, code, detail) order by device_id
       on conflict (device_id, operation_id) do update
      set state = excluded.state, code = excluded.code, detail = excluded.detail, at = now()`,
)

export interface ResultRow {
  device_id: string
  state: string
  code: string | null
  detail: string | null
  at: Date
}

export const listResults = statement<
  [id: number, state: string | null, after: string | null, limit: number],
  ResultRow
>(
  'operation_results_list',
  `select device_id, state, code, detail, at from operation_results
    where operation_id = $1::int and ($2::text is null or state = $2::text) and ($3::text is null or device_id > $3::text)
    order by device_id limit $4::int`,
)

export const kickFunction = statement<[name: string], { sent: string }>(
  'function_kick',
  `select pg_notify('kick', $1::text)::text as sent`,
)
