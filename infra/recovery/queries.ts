import { statement } from '../../shared/db/statement.ts'

export interface Numbers {
  /** The next transaction number. */
  now: string
  /** The highest that the audit log, its seals or the events tell of. */
  told: string
}

export const readNumbers = statement<[], Numbers>(
  'recovery_numbers_read',
  `select pg_current_xact_id()::text as now,
          (select max(x)::text from (select max(xid) from audit union all select max(to_xid) from audit_seals
             union all select max(xid) from events) t(x)) as told`,
)

// A client ignores deltas that are not above the last version it saw; and what was changed now is told again to retained topics.
export const raiseVersions = statement<[by: number], { raised: bigint }>(
  'recovery_shadows_raise',
  `with u as (update shadows set version = version + $1::int, updated_at = now() where version > 0 returning 1)
   select count(*) as raised from u`,
)

// An epoch is the upper part of delivery numbers, by which repeated deliveries are known: none may come twice.
export const raiseEpochs = statement<[by: number], { epoch: bigint }>(
  'recovery_epochs_raise',
  `select setval('connector_epochs', nextval('connector_epochs') + $1::int) as epoch`,
)

export const freeSlots = statement<[]>(
  'recovery_slots_free',
  `update connector_slots set lease_until = '-infinity'`,
)

/** What a CRL says and the database does not: known certificates as a revocation would, others by their serial alone. */
export const revokeAgain = statement<
  [issuerId: number, serials: readonly Buffer[], at: Date],
  { revoked: bigint; unknown: bigint }
>(
  'recovery_revoke',
  `with told as (
     select s.serial, c.device_id, c.not_after from unnest($2::bytea[]) s(serial)
       left join certificates c on c.serial = s.serial and c.issuer_id = $1::smallint
      where not exists (select from revocations r where r.issuer_id = $1::smallint and r.serial = s.serial)),
   u as (
     update certificates c set state = 'revoked' from told where c.device_id = told.device_id and c.serial = told.serial),
   d as (
     update devices d set cert_serial = '', cert_expires = 'infinity', revision = d.revision + 1, updated_at = now() from told
      where d.device_id = told.device_id and d.cert_serial = upper(encode(told.serial, 'hex'))),
   r as (
     insert into revocations (issuer_id, serial, device_id, revoked_at, reason, not_after)
     select $1::smallint, serial, coalesce(told.device_id, ''), $3::timestamptz, 0,
            coalesce(told.not_after, (select not_after from issuers where issuer_id = $1::smallint)) from told
     returning device_id)
   select count(*) filter (where device_id <> '') as revoked, count(*) filter (where device_id = '') as unknown from r`,
)
