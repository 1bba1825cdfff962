import { statement } from '../db/statement.ts'
import type { FieldType } from './facts.ts'

export interface FieldRow {
  readonly field: number
  readonly name: string
  readonly type: FieldType
  readonly ready: boolean
  readonly created_at: Date
}

export const readFields = statement<[], FieldRow>(
  'fields_read',
  `select field, name, type, ready, created_at from fields order by name`,
)

/** The transaction's number says whom a backfill must wait for. */
export const insertField = statement<
  [string, FieldType, number],
  FieldRow & { readonly xid: string }
>(
  'field_insert',
  `
  insert into fields (name, type)
  select $1::text, $2::text where (select count(*) from fields) < $3::int
  on conflict (name) do nothing
  returning field, name, type, ready, created_at, pg_current_xact_id()::text as xid`,
)

export const deleteField = statement<[string], { readonly field: number; readonly xid: string }>(
  'field_delete',
  `delete from fields where name = $1::text returning field, pg_current_xact_id()::text as xid`,
)

// Kept until the slice commits: a field is not removed under it.
export const holdField = statement<[number], FieldRow>(
  'field_hold',
  `select field, name, type, ready, created_at from fields where field = $1::int for key share`,
)

export const readyField = statement<[number]>(
  'field_ready',
  `update fields set ready = true where field = $1::int`,
)

export const passedTransaction = statement<[string], { readonly passed: boolean }>(
  'transaction_passed',
  `select pg_snapshot_xmin(pg_current_snapshot()) > $1::text::xid8 as passed`,
)

// Locked: whoever writes one of them waits, and then writes what changed since.
export const lockShadowSlice = statement<
  [string, string, number],
  { device_id: string; desired: string | null; reported: string | null }
>(
  'shadows_lock_slice',
  `
  select device_id, desired, reported from shadows
   where shadow = $1::text and device_id > $2::text
   order by device_id limit $3::int for no key update`,
)

export const lockAttributeSlice = statement<
  [string, number],
  { device_id: string; document: string }
>(
  'device_attributes_lock_slice',
  `
  select a.device_id, a.document from device_attributes a
   where a.device_id in (
     select distinct device_id from device_attributes where device_id > $1::text order by device_id limit $2::int)
   order by a.device_id, a.source for no key update`,
)

export const insertFacts = statement<
  [
    number,
    readonly string[],
    readonly string[],
    readonly (number | null)[],
    readonly (string | null)[],
  ]
>(
  'device_facts_insert',
  `
  insert into device_facts (device_id, field, t, n, v)
  select device_id, $1::int, t, n, v from unnest($2::text[], $3::text[], $4::float8[], $5::text[]) f(device_id, t, n, v)
   order by device_id, t
  on conflict do nothing`,
)

export const deleteFacts = statement<[number, number], { readonly device_id: string }>(
  'device_facts_delete',
  `
  delete from device_facts f
   using (select device_id, t from device_facts where field = $1::int order by t, device_id limit $2::int) gone
   where f.field = $1::int and f.device_id = gone.device_id and f.t = gone.t
  returning f.device_id`,
)

export const readUnknownFirmware = statement<[readonly string[]], { readonly device_id: string }>(
  'devices_read_unknown_firmware',
  `select device_id from devices where device_id = any($1::text[]) and firmware_ver = ''`,
)
