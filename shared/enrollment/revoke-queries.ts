import { statement } from '../db/statement.ts'

export interface RevokedCertificate {
  device_id: string
  serial: Buffer
  issuer_id: number
}

type Choice = [deviceId: string | null, serial: Buffer | null, now: Date, reason: number]

/**
 * Revokes what is still valid: one certificate, or all of a device. `revocations` is what the CRL says, the state what the registry says. A device whose
 * certificate goes has none any more.
 */
export const revokeChosen = statement<Choice, RevokedCertificate>(
  'certificates_revoke',
  `with chosen as (
     select device_id, serial, issuer_id, not_after from certificates
      where ($1::text is null or device_id = $1::text) and ($2::bytea is null or serial = $2::bytea)
        and ($1::text is not null or $2::bytea is not null)
        and state <> 'revoked' and not_after > $3::timestamptz
      order by device_id, serial for update),
   u as (
     update certificates c set state = 'revoked' from chosen
      where c.device_id = chosen.device_id and c.serial = chosen.serial),
   d as (
     update devices d set cert_serial = '', cert_expires = 'infinity', revision = d.revision + 1, updated_at = now() from chosen
      where d.device_id = chosen.device_id and d.cert_serial = upper(encode(chosen.serial, 'hex')))
   insert into revocations (issuer_id, serial, device_id, revoked_at, reason, not_after)
   select issuer_id, serial, device_id, $3::timestamptz, $4::smallint, not_after from chosen
       on conflict (issuer_id, serial) do nothing
   returning device_id, serial, issuer_id`,
)

/** Before the certificates are chosen: one that is being signed is committed by then, and chosen too, or is not signed any more. */
export const lockRevoked = statement<
  [deviceId: string | null, serial: Buffer | null],
  { device_id: string }
>(
  'devices_lock_to_revoke',
  `select device_id from devices
    where device_id = $1::text
       or ($1::text is null and device_id in (select device_id from certificates where serial = $2::bytea))
    order by device_id for update`,
)

export const certificateExists = statement<[serial: Buffer], { device_id: string }>(
  'certificate_of_serial',
  `select device_id from certificates where serial = $1::bytea`,
)
