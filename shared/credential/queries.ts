import { statement } from '../db/statement.ts'

export type CredentialKind = 'token' | 'claim' | 'shared_key'

export interface CredentialRow {
  credential_id: string
  kind: CredentialKind
  hardware_revs: string[] | null
  networks: string[] | null
  enabled: boolean
  starts_at: Date | null
  expires_at: Date
  max_uses: bigint
  revision: bigint
  created_at: Date
  uses: bigint
  failed: bigint
  last_used: Date | null
}

const COLUMNS = `c.credential_id, c.kind, c.hardware_revs, c.networks::text[] as networks, c.enabled, c.starts_at, c.expires_at, c.max_uses,
          c.revision, c.created_at`
const USES = `select coalesce(sum(used), 0)::bigint as uses, coalesce(sum(refused), 0)::bigint as failed, max(last_used) as last_used
                from credential_uses where credential_id = c.credential_id`

export const listCredentials = statement<[after: string | null, limit: number], CredentialRow>(
  'credentials_list',
  `select ${COLUMNS}, u.uses, u.failed, u.last_used
     from bootstrap_credentials c cross join lateral (${USES}) u
    where c.kind in ('token', 'claim', 'shared_key') and ($1::text is null or c.credential_id > $1::text)
    order by c.credential_id limit $2::int`,
)

export const findCredentialRow = statement<[id: string], CredentialRow>(
  'credential_find',
  `select ${COLUMNS}, u.uses, u.failed, u.last_used
     from bootstrap_credentials c cross join lateral (${USES}) u where c.credential_id = $1::text`,
)

export const insertCredential = statement<
  [
    id: string,
    kind: CredentialKind,
    secretHash: Buffer | null,
    wrappedKey: Buffer | null,
    certificate: Buffer | null,
    hardwareRevs: readonly string[] | null,
    networks: readonly string[] | null,
    startsAt: Date | null,
    expiresAt: Date,
    maxUses: number,
  ],
  { credential_id: string }
>(
  'credential_insert',
  `insert into bootstrap_credentials
          (credential_id, kind, secret_hash, wrapped_key, certificate, hardware_revs, networks, starts_at, expires_at, max_uses)
   values ($1::text, $2::text, $3::bytea, $4::bytea, $5::bytea, $6::text[], $7::cidr[], $8::timestamptz, $9::timestamptz, $10::bigint)
   on conflict (credential_id) do nothing returning credential_id`,
)

// One slot where uses are counted exactly, 16 that share them where many enrol at once.
export const insertUses = statement<[id: string, slots: number, maxUses: number]>(
  'credential_uses_insert',
  `insert into credential_uses (credential_id, slot, allowed)
   select $1::text, s, $3::bigint / $2::int + case when s < $3::bigint % $2::int then 1 else 0 end
     from generate_series(0, $2::int - 1) s`,
)

export const lockCredential = statement<[id: string], { revision: bigint }>(
  'credential_lock',
  `select revision from bootstrap_credentials where credential_id = $1::text for update`,
)

export const updateCredential = statement<
  [
    id: string,
    enabled: boolean | null,
    expiresAt: Date | null,
    setHardware: boolean,
    hardwareRevs: readonly string[] | null,
    setNetworks: boolean,
    networks: readonly string[] | null,
  ]
>(
  'credential_update',
  `update bootstrap_credentials
      set enabled = coalesce($2::boolean, enabled), expires_at = coalesce($3::timestamptz, expires_at),
          hardware_revs = case when $4::boolean then $5::text[] else hardware_revs end,
          networks = case when $6::boolean then $7::cidr[] else networks end, revision = revision + 1
    where credential_id = $1::text`,
)

export const deleteCredential = statement<[id: string]>(
  'credential_delete',
  `with u as (delete from credential_uses where credential_id = $1::text)
   delete from bootstrap_credentials where credential_id = $1::text`,
)
