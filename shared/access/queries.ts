import { statement } from '../db/statement.ts'

type RateParams = [keys: readonly Buffer[], counts: readonly number[]]

export interface RateRow {
  key: Buffer
  n: number
}

// Sorted keys: two instances that add at once wait for each other, and never in a circle.
const addRates = (table: 'rate_counts_0' | 'rate_counts_1') => `
  insert into ${table} as r (key, n)
  select key, n from unnest($1::bytea[], $2::int[]) as t(key, n) order by key
      on conflict (key) do update set n = least(r.n::bigint + excluded.n, 2147483647)::int
  returning key, n`

export interface ApiTokenRow {
  token_id: string
  name: string
  secret_sha256: Buffer
  scope: string[]
  used_today: boolean
}

export const readApiToken = statement<[tokenId: string, now: Date], ApiTokenRow>(
  'api_token_read',
  `select token_id, name, secret_sha256, scope, last_used is not distinct from current_date as used_today
     from api_tokens
    where token_id = $1::text and kind = 'operator' and revoked_at is null
      and (expires_at is null or expires_at > $2::timestamptz)`,
)

export const touchApiToken = statement<[tokenId: string]>(
  'api_token_touch',
  `update api_tokens set last_used = current_date where token_id = $1::text and last_used is distinct from current_date`,
)

export interface SessionRow {
  token_id: string
  name: string
  scope: string[]
}

/** The token behind a console session; revoked or expired, its sessions end with it. */
export const readSession = statement<[secretHash: Buffer, now: Date], SessionRow>(
  'console_session_read',
  `select t.token_id, t.name, t.scope
     from console_links l join api_tokens t on t.token_id = l.token_id
    where l.secret_sha256 = $1::bytea and l.expires_at > $2::timestamptz
      and t.revoked_at is null and (t.expires_at is null or t.expires_at > $2::timestamptz)`,
)

export interface CertificateRow {
  device_id: string
  state: 'active' | 'superseded' | 'revoked'
  status: 'active' | 'suspended' | 'decommissioned'
  not_after: Date
  used: boolean
  /** A newer certificate was used already, or has been there for a week. */
  replaced: boolean
}

export const readCertificateOwner = statement<
  [serial: Buffer, sha256: Buffer, overlapFrom: Date],
  CertificateRow
>(
  'certificate_owner_read',
  `select c.device_id, c.state, d.status, c.not_after, c.used_at is not null as used,
          exists (select from certificates n
                   where n.device_id = c.device_id and n.state <> 'revoked' and n.issued_at > c.issued_at
                     and (n.used_at is not null or n.not_before < $3::timestamptz)) as replaced
     from certificates c join devices d on d.device_id = c.device_id
    where c.serial = $1::bytea and c.sha256 = $2::bytea`,
)

export const touchCertificate = statement<[deviceId: string, serial: Buffer, now: Date]>(
  'certificate_touch',
  `update certificates set used_at = $3::timestamptz
    where device_id = $1::text and serial = $2::bytea and used_at is null`,
)

// Whether it may be used now is for the enrolment to say, which tells the operator why not.
export const readClaim = statement<[certificate: Buffer], { credential_id: string }>(
  'claim_read',
  `select credential_id from bootstrap_credentials where kind = 'claim' and certificate = $1::bytea`,
)

export const addRates0 = statement<RateParams, RateRow>('rate_add_0', addRates('rate_counts_0'))
export const addRates1 = statement<RateParams, RateRow>('rate_add_1', addRates('rate_counts_1'))

// Two at once with one key: the second is told so, instead of waiting for the first one's commit.
export const lockKey = statement<[name: string], { free: boolean }>(
  'idempotency_lock',
  `select pg_try_advisory_xact_lock(hashtextextended($1::text, 7)) as free`,
)

export const takeKey = statement<
  [owner: string, key: string, sha256: Buffer, expiresAt: Date, now: Date],
  { owner: string }
>(
  'idempotency_take',
  `insert into idempotency_keys as k (owner, key, request_sha256, expires_at)
   values ($1::text, $2::text, $3::bytea, $4::timestamptz)
   on conflict (owner, key) do update set request_sha256 = excluded.request_sha256, status = null, answer = null,
                                          expires_at = excluded.expires_at
    where k.expires_at <= $5::timestamptz
   returning owner`,
)

export const readKey = statement<
  [owner: string, key: string],
  { request_sha256: Buffer; answer: string | null }
>(
  'idempotency_read',
  `select request_sha256, answer from idempotency_keys where owner = $1::text and key = $2::text`,
)

export const completeKey = statement<[owner: string, key: string, status: number, answer: string]>(
  'idempotency_complete',
  `update idempotency_keys set status = $3::smallint, answer = $4::text where owner = $1::text and key = $2::text`,
)
