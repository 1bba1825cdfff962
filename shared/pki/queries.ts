import { statement } from '../db/statement.ts'

export type IssuerState = 'root' | 'next' | 'active' | 'retired'

export interface IssuerRow {
  issuer_id: number
  certificate: Buffer
  key_name: string
  state: IssuerState
  not_after: Date
  crl_number: bigint
}

export const lockInstall = statement<[], { locked: string }>(
  'issuers_lock',
  `select pg_advisory_xact_lock(7230117)::text as locked`,
)

export const readIssuers = statement<[], IssuerRow>(
  'issuers_read',
  `select issuer_id, certificate, key_name, state, not_after, crl_number from issuers order by issuer_id`,
)

export const insertIssuer = statement<
  [
    id: number,
    certificate: Buffer,
    keyName: string,
    state: IssuerState,
    notAfter: Date,
    quota: bigint,
  ]
>(
  'issuer_insert',
  `insert into issuers (issuer_id, certificate, key_name, state, not_after, daily_quota)
   values ($1::smallint, $2::bytea, $3::text, $4::text, $5::timestamptz, $6::bigint)`,
)

// The one before goes on living until its certificates have ended: its CRL is still asked for.
export const activateIssuer = statement<[id: number]>(
  'issuer_activate',
  `update issuers set state = case when issuer_id = $1::smallint then 'active' else 'retired' end
    where issuer_id = $1::smallint or state = 'active'`,
)

/** Counts certificates of today; no row: the day's quota would be exceeded. One statement a signing batch. */
export const takeQuota = statement<[id: number, count: number], { issued_today: bigint }>(
  'issuer_quota_take',
  `update issuers
      set issued_today = case when day = current_date then issued_today else 0 end + $2::int, day = current_date
    where issuer_id = $1::smallint
      and case when day = current_date then issued_today else 0 end + $2::int <= daily_quota
   returning issued_today`,
)

export const nextCrlNumbers = statement<[id: number], { crl_number: bigint }>(
  'issuer_crl_number',
  `update issuers set crl_number = crl_number + 2 where issuer_id = $1::smallint returning crl_number`,
)

export const raiseCrlNumber = statement<[id: number, number: bigint]>(
  'issuer_crl_number_raise',
  `update issuers set crl_number = greatest(crl_number, $2::bigint) where issuer_id = $1::smallint`,
)

export interface RevokedRow {
  serial: Buffer
  revoked_at: Date
  reason: number
}

// Entries stay a day longer than their certificates: whoever had the CRL before has seen each of them.
export const readRevoked = statement<[id: number, now: Date], RevokedRow>(
  'revocations_read',
  `select serial, revoked_at, reason from revocations
    where issuer_id = $1::smallint and not_after > $2::timestamptz - interval '1 day'
    order by serial`,
)

// Certificates that were replaced: their successor was used, or has been there since $3. Those with the longest life left, no more than $4.
export const readReplaced = statement<
  [id: number, now: Date, overlapFrom: Date, most: number],
  RevokedRow
>(
  'certificates_replaced_read',
  `select c.serial, c.not_before as revoked_at, 4 as reason
     from certificates c
    where c.issuer_id = $1::smallint and c.state = 'superseded' and c.not_after > $2::timestamptz
      and exists (select from certificates n
                   where n.device_id = c.device_id and n.state <> 'revoked' and n.issued_at > c.issued_at
                     and (n.used_at is not null or n.not_before < $3::timestamptz))
    order by c.not_after desc limit $4::int`,
)

export interface CrlRow {
  issuer_id: number
  shard: number
  number: bigint
  this_update: Date
  next_update: Date
  der: Buffer
}

export const saveCrl = statement<
  [id: number, shard: number, number: bigint, thisUpdate: Date, nextUpdate: Date, der: Buffer]
>(
  'crl_save',
  `insert into crls as c (issuer_id, shard, number, this_update, next_update, der)
   values ($1::smallint, $2::smallint, $3::bigint, $4::timestamptz, $5::timestamptz, $6::bytea)
       on conflict (issuer_id, shard) do update
      set number = excluded.number, this_update = excluded.this_update, next_update = excluded.next_update, der = excluded.der
    where c.number < excluded.number`,
)

export const readCrls = statement<[shard: number], CrlRow>(
  'crls_read',
  `select issuer_id, shard, number, this_update, next_update, der from crls
    where shard = $1::smallint order by issuer_id`,
)

// A revocation may have been committed after a CRL was made whose time is later: a minute's overlap finds it, should its own process have ended
// before it published. That costs up to three CRLs more. The ceremony's CRLs last for years: an authority in use replaces its own.
export const crlDue = statement<[id: number, now: Date], { due: boolean }>(
  'crl_due',
  `select not exists (select from crls c where c.issuer_id = $1::smallint and c.shard = 0
             and c.next_update <= c.this_update + interval '1 day'
             and $2::timestamptz < c.this_update + (c.next_update - c.this_update) / 2)
       or exists (select from revocations r join crls c on c.issuer_id = r.issuer_id and c.shard = 0
                   where r.issuer_id = $1::smallint and r.revoked_at > c.this_update - interval '1 minute') as due`,
)

export const notifyCrl = statement<[], { sent: string }>(
  'crl_notify',
  `select pg_notify('crl', '')::text as sent`,
)

export const readProfile = statement<[name: string], { definition: unknown }>(
  'certificate_profile_read',
  `select definition from certificate_profiles where name = $1::text`,
)

export const markHealth = statement<[name: string, at: Date, problem: string | null]>(
  'health_mark_ca',
  `insert into health_marks as h (name, at, problem) values ($1::text, $2::timestamptz, $3::text)
       on conflict (name) do update set at = excluded.at, problem = excluded.problem where h.at < excluded.at`,
)
