import { statement } from '../db/statement.ts'
import type { PartRow, UploadRow } from './upload.ts'

export const insertUpload = statement<
  [string, string, string, string, bigint, Buffer, Buffer | null, string, string, string, Date],
  UploadRow
>(
  'upload_insert',
  `insert into uploads (upload_id, name, format, version, size, sha256, signature, object, store_upload, actor, expires_at)
   values ($1::uuid, $2::text, $3::text, $4::text, $5::bigint, $6::bytea, $7::bytea, $8::text, $9::text, $10::text, $11::timestamptz)
   on conflict do nothing
   returning upload_id, name, format, version, size, sha256, signature, object, store_upload, state, code, detail, artifact_id,
             operation_id, expires_at`,
)

// Whoever comes back after a broken upload says anew what it is called and signed by.
export const resumeUpload = statement<
  [Buffer, bigint, string, string, Buffer | null, Date],
  UploadRow
>(
  'upload_resume',
  `update uploads set name = $3::text, version = $4::text, signature = $5::bytea, expires_at = $6::timestamptz
    where sha256 = $1::bytea and size = $2::bigint and state = 'open'
   returning upload_id, name, format, version, size, sha256, signature, object, store_upload, state, code, detail, artifact_id,
             operation_id, expires_at`,
)

export const readUpload = statement<[string], UploadRow>(
  'upload_read',
  `select upload_id, name, format, version, size, sha256, signature, object, store_upload, state, code, detail, artifact_id,
          operation_id, expires_at
     from uploads where upload_id = $1::uuid`,
)

export const lockUpload = statement<[string], UploadRow>(
  'upload_lock',
  `select upload_id, name, format, version, size, sha256, signature, object, store_upload, state, code, detail, artifact_id,
          operation_id, expires_at
     from uploads where upload_id = $1::uuid for update`,
)

export const listUploads = statement<[string | null, string | null, number], UploadRow>(
  'uploads_list',
  `select upload_id, name, format, version, size, sha256, signature, object, store_upload, state, code, detail, artifact_id,
          operation_id, expires_at
     from uploads where ($1::text is null or state = $1) and ($2::uuid is null or upload_id > $2)
    order by upload_id limit $3::int`,
)

export const readParts = statement<[readonly string[]], PartRow & { upload_id: string }>(
  'upload_parts_read',
  `select upload_id, part, size, tag from upload_parts where upload_id = any($1::uuid[]) order by upload_id, part`,
)

// Only while the upload is open: what comes after `complete` changes nothing.
export const writePart = statement<[string, number, number, string], { part: number }>(
  'upload_part_write',
  `with u as (select upload_id, expires_at from uploads where upload_id = $1::uuid and state = 'open' for share)
   insert into upload_parts (upload_id, part, size, tag, expires_at)
   select upload_id, $2::int, $3::int, $4::text, expires_at from u
   on conflict (upload_id, part) do update set size = excluded.size, tag = excluded.tag
   returning part`,
)

export const beginCheck = statement<[string, number], UploadRow>(
  'upload_check',
  `update uploads set state = 'checking', operation_id = $2::int where upload_id = $1::uuid and state = 'open'
   returning upload_id, name, format, version, size, sha256, signature, object, store_upload, state, code, detail, artifact_id,
             operation_id, expires_at`,
)

export const endCheck = statement<
  [string, 'ready' | 'refused', number | null, string | null, string | null]
>(
  'upload_end',
  `update uploads set state = $2::text, artifact_id = $3::int, code = $4::text, detail = $5::text
    where upload_id = $1::uuid and state = 'checking'`,
)

export const deleteUpload = statement<[string], Pick<UploadRow, 'object' | 'store_upload'>>(
  'upload_delete',
  `with p as (delete from upload_parts where upload_id = $1::uuid)
   delete from uploads where upload_id = $1::uuid and state <> 'checking' returning object, store_upload`,
)

export const readExpiredUploads = statement<[Date, number], Pick<UploadRow, 'upload_id'>>(
  'uploads_expired',
  `select upload_id from uploads where expires_at < $1::timestamptz and state <> 'checking' order by expires_at limit $2::int`,
)

export const endCancelledChecks = statement<[], { upload_id: string }>(
  'uploads_cancelled',
  `update uploads u set state = 'refused', code = 'upload.illegal_transition', detail = 'the check was cancelled'
     from operations o where o.operation_id = u.operation_id and u.state = 'checking' and o.state = 'cancelled' returning u.upload_id`,
)
