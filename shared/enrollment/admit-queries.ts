import { statement } from '../db/statement.ts'
import type { EnrollmentState } from './state.ts'

type Keys = [deviceIds: readonly string[], requests: readonly Buffer[]]

// Inserted first: two at once wait for each other here. Sorted, so that they never wait in a circle.
export const insertEnrollments = statement<
  [
    ...Keys,
    credentialIds: readonly (string | null)[],
    protocols: readonly string[],
    csrs: readonly Buffer[],
    now: Date,
    until: Date,
  ],
  { device_id: string; request: Buffer }
>(
  'enrollments_insert',
  `insert into enrollments (device_id, request, credential_id, protocol, state, csr, created_at, expires_at)
   select device_id, request, credential_id, protocol, 'signing', csr, $6::timestamptz, $7::timestamptz
     from unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::bytea[]) t(device_id, request, credential_id, protocol, csr)
    order by device_id, request
       on conflict (device_id, request) do nothing
   returning device_id, request`,
)

export interface LockedRow {
  device_id: string
  request: Buffer
  state: EnrollmentState
  reason: string | null
  serial: Buffer | null
}

// The certificate is read by a statement of its own: after waiting for the lock this one would see the new row and the certificates of before.
export const lockEnrollments = statement<Keys, LockedRow>(
  'enrollments_lock',
  `select e.device_id, e.request, e.state, e.reason, e.serial
     from unnest($1::text[], $2::bytea[]) r(device_id, request)
     join enrollments e on e.device_id = r.device_id and e.request = r.request
    order by e.device_id, e.request for update of e`,
)

export interface IssuedRow {
  device_id: string
  der: Buffer
  state: 'active' | 'superseded' | 'revoked'
  ended: boolean
}

export const readIssued = statement<
  [deviceIds: readonly string[], serials: readonly Buffer[], now: Date],
  IssuedRow
>(
  'enrollments_issued_read',
  `select c.device_id, c.der, c.state, c.not_after <= $3::timestamptz as ended
     from unnest($1::text[], $2::bytea[]) i(device_id, serial)
     join certificates c on c.device_id = i.device_id and c.serial = i.serial`,
)

export const settleEnrollments = statement<
  [
    ...Keys,
    states: readonly EnrollmentState[],
    reasons: readonly (string | null)[],
    credentialIds: readonly (string | null)[],
    csrs: readonly Buffer[],
    until: Date,
  ]
>(
  'enrollments_settle',
  `update enrollments e
      set state = t.state, reason = t.reason, credential_id = t.credential_id, csr = t.csr, expires_at = $7::timestamptz
     from unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::bytea[])
            t(device_id, request, state, reason, credential_id, csr)
    where e.device_id = t.device_id and e.request = t.request`,
)

export interface DeviceRow {
  device_id: string
  status: 'active' | 'suspended' | 'decommissioned'
  /** It had a certificate before. */
  enrolled: boolean
}

export const readDevices = statement<[deviceIds: readonly string[]], DeviceRow>(
  'enrollment_devices_read',
  `select device_id, status, exists (select from certificates c where c.device_id = d.device_id) as enrolled
     from devices d where device_id = any($1::text[])`,
)

export const insertDevices = statement<
  [
    deviceIds: readonly string[],
    hardwareRevs: readonly string[],
    firmwareVers: readonly string[],
    fallback: string,
  ]
>(
  'enrollment_devices_insert',
  `insert into devices (device_id, hardware_rev, firmware_ver, cert_serial, cert_expires, broker_endpoint)
   select device_id, hardware_rev, firmware_ver, '', 'infinity',
          coalesce((select name from broker_endpoints order by priority, name limit 1), $4::text)
     from unnest($1::text[], $2::text[], $3::text[]) t(device_id, hardware_rev, firmware_ver)
    order by device_id
       on conflict (device_id) do nothing`,
)

export interface KeyOwnerRow {
  spki_sha256: Buffer
  device_id: string
  revoked: boolean
}

export const readKeyOwners = statement<[keys: readonly Buffer[]], KeyOwnerRow>(
  'certificate_key_owners',
  `select distinct spki_sha256, device_id, state = 'revoked' as revoked
     from certificates where spki_sha256 = any($1::bytea[])`,
)

export interface AllowlistRow {
  value: string
  match: 'device_id' | 'serial' | 'spki' | 'idevid'
  device_id: string | null
  hardware_rev: string | null
  credentials: string[] | null
  expires_at: Date | null
  uses: number
  max_uses: number
  state: 'open' | 'pending' | 'used' | 'blocked'
}

export const lockAllowlist = statement<
  [values: readonly string[], matches: readonly string[]],
  AllowlistRow
>(
  'allowlist_lock',
  `select a.value, a.match, a.device_id, a.hardware_rev, a.credentials, a.expires_at, a.uses, a.max_uses, a.state
     from (select distinct value, match from unnest($1::text[], $2::text[]) t(value, match)) t
     join allowlist a on a.value = t.value and a.match = t.match
    order by a.value, a.match for update of a`,
)

export const useAllowlist = statement<
  [values: readonly string[], matches: readonly string[], uses: readonly number[]]
>(
  'allowlist_use',
  `update allowlist a set uses = t.uses, state = case when t.uses >= a.max_uses then 'used' else a.state end
     from unnest($1::text[], $2::text[], $3::int[]) t(value, match, uses)
    where a.value = t.value and a.match = t.match`,
)

/** A use of a request that the authority refused for good. */
export const giveBackAllowlist = statement<[value: string, match: string]>(
  'allowlist_give_back',
  `update allowlist set uses = uses - 1, state = case when state = 'used' then 'open' else state end
    where value = $1::text and match = $2::text and uses > 0`,
)

/** Keeps what was refused for the operator; a row that is more than refused stays as it is. */
export const recordRefusal = statement<
  [
    deviceId: string,
    request: Buffer,
    credentialId: string | null,
    protocol: string,
    reason: string,
    now: Date,
    until: Date,
  ]
>(
  'enrollment_refuse',
  `insert into enrollments as e (device_id, request, credential_id, protocol, state, reason, created_at, expires_at)
   values ($1::text, $2::bytea, $3::text, $4::text, 'rejected', $5::text, $6::timestamptz, $7::timestamptz)
       on conflict (device_id, request) do update
      set reason = excluded.reason, credential_id = excluded.credential_id, created_at = excluded.created_at,
          expires_at = excluded.expires_at
    where e.state = 'rejected' and e.reason is distinct from 'operator'`,
)
