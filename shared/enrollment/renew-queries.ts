import { statement } from '../db/statement.ts'

export const readRenewed = statement<
  [deviceId: string, serial: Buffer],
  { profile: string; spki_sha256: Buffer }
>(
  'certificate_renewed_read',
  `select profile, spki_sha256 from certificates
    where device_id = $1::text and serial = $2::bytea and state <> 'revoked'`,
)

// A renewal needs no credential: the certificate shown is one. A row that is issued is left alone, and answered with its certificate.
export const beginRenewal = statement<
  [deviceId: string, request: Buffer, protocol: string, csr: Buffer, now: Date, until: Date]
>(
  'enrollment_renew',
  `insert into enrollments as e (device_id, request, protocol, state, csr, created_at, expires_at)
   values ($1::text, $2::bytea, $3::text, 'signing', $4::bytea, $5::timestamptz, $6::timestamptz)
       on conflict (device_id, request) do update set state = 'signing', csr = excluded.csr, reason = null
    where e.state = 'rejected'`,
)
