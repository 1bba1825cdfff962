import { statement } from '../db/statement.ts'

export interface CertificateRow {
  device_id: string
  serial: Buffer
  profile: string
  state: 'active' | 'superseded' | 'revoked'
  not_before: Date
  not_after: Date
  renew_at: Date
  credential_id: string | null
  sha256: Buffer
  der: Buffer
}

const COLUMNS =
  'device_id, serial, profile, state, not_before, not_after, renew_at, credential_id, sha256, der'

export const listCertificates = statement<
  [
    deviceId: string | null,
    state: string | null,
    expiresBefore: Date | null,
    afterDevice: string | null,
    afterSerial: string | null,
    limit: number,
  ],
  CertificateRow
>(
  'certificates_list',
  `select ${COLUMNS} from certificates
    where ($1::text is null or device_id = $1::text) and ($2::text is null or state = $2::text)
      and ($3::timestamptz is null or not_after < $3::timestamptz)
      and ($4::text is null or (device_id, serial) > ($4::text, decode($5::text, 'hex')))
    order by device_id, serial limit $6::int`,
)

export const readCertificateRow = statement<[serial: Buffer], CertificateRow>(
  'certificate_read',
  `select ${COLUMNS} from certificates where serial = $1::bytea`,
)

export const readActiveCertificates = statement<
  [ids: readonly string[], now: Date],
  { device_id: string; serial: Buffer; not_after: Date }
>(
  'certificates_active_read',
  `select distinct on (c.device_id) c.device_id, c.serial, c.not_after
     from certificates c join devices d on d.device_id = c.device_id and d.status = 'active'
    where c.device_id = any($1::text[]) and c.state = 'active' and c.not_after > $2::timestamptz
    order by c.device_id, c.not_before desc`,
)
