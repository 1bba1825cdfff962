import { statement } from '../db/statement.ts'

export interface CredentialRow {
  credential_id: string
  kind: 'token' | 'claim' | 'shared_key' | 'idevid'
  secret_hash: Buffer | null
  wrapped_key: Buffer | null
  hardware_revs: string[] | null
  transports: string[]
  enabled: boolean
  starts_at: Date | null
  expires_at: Date
  /** Whether the source lies in one of the credential's networks. */
  in_network: boolean
}

export const readCredential = statement<
  [credentialId: string, kind: string, source: string | null],
  CredentialRow
>(
  'credential_read',
  `select credential_id, kind, secret_hash, wrapped_key, hardware_revs, transports, enabled, starts_at, expires_at,
          networks is null or exists (select from unnest(networks) n where $3::inet <<= n) as in_network
     from bootstrap_credentials where credential_id = $1::text and kind = $2::text`,
)

export const seeOnce = statement<[key: Buffer, expiresAt: Date], { key: Buffer }>(
  'seen_once_insert',
  `insert into seen_once (key, expires_at) values ($1::bytea, $2::timestamptz)
       on conflict do nothing returning key`,
)

/** Uses left, as far as can be seen without a lock. */
export const readUses = statement<
  [credentialIds: readonly string[]],
  { credential_id: string; slots: number; left: bigint }
>(
  'credential_uses_read',
  `select credential_id, count(*)::int as slots, sum(allowed - used)::bigint as left
     from credential_uses where credential_id = any($1::text[]) group by credential_id`,
)

export const takeUses = statement<
  [credentialId: string, slot: number, count: number, now: Date],
  { used: bigint }
>(
  'credential_uses_take',
  `update credential_uses set used = used + $3::int, last_used = $4::timestamptz
    where credential_id = $1::text and slot = $2::smallint and used + $3::int <= allowed returning used`,
)

/** A use of a request that the authority refused for good. */
export const giveBackUse = statement<[credentialId: string]>(
  'credential_uses_give_back',
  `update credential_uses set used = used - 1
    where credential_id = $1::text
      and slot = (select slot from credential_uses where credential_id = $1::text and used > 0 order by used desc limit 1)`,
)

export const countRefused = statement<[credentialId: string]>(
  'credential_uses_refuse',
  `update credential_uses set refused = refused + 1 where credential_id = $1::text and slot = 0`,
)
