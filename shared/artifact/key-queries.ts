import { statement } from '../db/statement.ts'

export interface KeyRow {
  key_id: string
  algorithm: string
  public_key: Buffer
  hardware_revs: string[] | null
  revoked_at: Date | null
  created_at: Date
}

export const insertKey = statement<[string, string, Buffer, readonly string[] | null], KeyRow>(
  'key_insert',
  `insert into trusted_keys (key_id, algorithm, public_key, hardware_revs)
   select $1::text, $2::text, $3::bytea, $4::text[]
    where not exists (select from trusted_keys where public_key = $3::bytea and revoked_at is null)
   on conflict do nothing
   returning key_id, algorithm, public_key, hardware_revs, revoked_at, created_at`,
)

export const readKey = statement<[string], KeyRow>(
  'key_read',
  `select key_id, algorithm, public_key, hardware_revs, revoked_at, created_at
     from trusted_keys where key_id = $1::text`,
)

export const listKeys = statement<[string, number], KeyRow>(
  'keys_list',
  `select key_id, algorithm, public_key, hardware_revs, revoked_at, created_at
     from trusted_keys where key_id > $1::text order by key_id limit $2::int`,
)

export const readTrustedKeys = statement<
  [],
  Pick<KeyRow, 'key_id' | 'algorithm' | 'public_key' | 'hardware_revs'>
>(
  'keys_trusted',
  `select key_id, algorithm, public_key, hardware_revs from trusted_keys
    where revoked_at is null order by key_id`,
)

export const revokeKeyRow = statement<[string], KeyRow>(
  'key_revoke',
  `update trusted_keys set revoked_at = now() where key_id = $1::text and revoked_at is null
   returning key_id, algorithm, public_key, hardware_revs, revoked_at, created_at`,
)
