import { statement } from '../db/statement.ts'
import type { EnrollmentState } from './state.ts'

export interface ToSignRow {
  device_id: string
  request: Buffer
  state: EnrollmentState
  csr: Buffer | null
  credential_id: string | null
  protocol: string
  serial: Buffer | null
}

// Locked in order of the key: two batches that hold the same request wait for each other, and the second finds it issued.
export const lockToSign = statement<
  [deviceIds: readonly string[], requests: readonly Buffer[]],
  ToSignRow
>(
  'enrollments_to_sign',
  `select e.device_id, e.request, e.state, e.csr, e.credential_id, e.protocol, e.serial
     from unnest($1::text[], $2::bytea[]) r(device_id, request)
     join enrollments e on e.device_id = r.device_id and e.request = r.request
    order by e.device_id, e.request for update of e`,
)

export const lockDevices = statement<
  [deviceIds: readonly string[]],
  { device_id: string; status: 'active' | 'suspended' | 'decommissioned' }
>(
  'devices_lock_to_sign',
  `select device_id, status from devices where device_id = any($1::text[]) order by device_id for update`,
)

/** Of these certificates, which are renewed, those that were not revoked. After the devices are locked: a revocation locks them too. */
export const readRenewable = statement<
  [deviceIds: readonly string[], serials: readonly Buffer[]],
  { device_id: string }
>(
  'certificates_renewable',
  `select c.device_id
     from unnest($1::text[], $2::bytea[]) i(device_id, serial)
     join certificates c on c.device_id = i.device_id and c.serial = i.serial
    where c.state <> 'revoked'`,
)

export const insertIssued = statement<
  [
    deviceIds: readonly string[],
    requests: readonly Buffer[],
    serials: readonly Buffer[],
    sha256s: readonly Buffer[],
    spkiSha256s: readonly Buffer[],
    profiles: readonly string[],
    notBefores: readonly Date[],
    notAfters: readonly Date[],
    renewAts: readonly Date[],
    credentialIds: readonly (string | null)[],
    ders: readonly Buffer[],
    issuerId: number,
  ]
>(
  'certificates_issue',
  `with i as (
     select device_id, request, serial, sha256, spki_sha256, profile, not_before, not_after, renew_at, credential_id, der
       from unnest($1::text[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[], $6::text[], $7::timestamptz[],
                          $8::timestamptz[], $9::timestamptz[], $10::text[], $11::bytea[])
       i(device_id, request, serial, sha256, spki_sha256, profile, not_before, not_after, renew_at, credential_id, der)),
   s as (update certificates c set state = 'superseded' from i where c.device_id = i.device_id and c.state = 'active'),
   c as (
     insert into certificates (device_id, serial, issuer_id, sha256, spki_sha256, profile, not_before, not_after, renew_at, credential_id, der)
     select device_id, serial, $12::smallint, sha256, spki_sha256, profile, not_before, not_after, renew_at, credential_id, der from i),
   e as (
     update enrollments e set state = 'issued', serial = i.serial, reason = null from i
      where e.device_id = i.device_id and e.request = i.request)
   update devices d
      set cert_serial = upper(encode(i.serial, 'hex')), cert_expires = i.not_after, revision = d.revision + 1, updated_at = now()
     from i where d.device_id = i.device_id`,
)

export const rejectSigning = statement<
  [deviceId: string, request: Buffer, reason: string],
  { device_id: string }
>(
  'enrollment_reject_signing',
  `update enrollments set state = 'rejected', reason = $3::text
    where device_id = $1::text and request = $2::bytea and state = 'signing' returning device_id`,
)
